// Headers as bytes: written from templates, recognised by templates.
import { ascii } from "./bytes.mjs";

const DIGITS = 10;
/** Where the header begins. */
export const HEADER_AT = 21;

/** A frame up to its body, with ten zeros for its sequence number. */
export function template(cmd, { desc, properties = {} } = {}) {
  const described = desc === undefined ? "" : `,"desc":${JSON.stringify(desc)}`;
  const start = `{"cmd":"${cmd}","code":0${described},"seq":"`;
  const header = `${start}${"0".repeat(DIGITS)}","properties":${
    JSON.stringify(properties)
  },"command":"${cmd}"}`;
  const bytes = ascii(`EventMesh0000........${header}`);
  new DataView(bytes.buffer).setInt32(17, header.length);
  return { bytes, seqAt: HEADER_AT + start.length };
}

/**
 * A header that has come, to recognise the next one that differs in its sequence number only: every byte but those
 * digits and the length of the body is compared. Undefined when its number has not ten digits.
 */
export function learn(bytes, at, bodyAt, seq) {
  const own = new Uint8Array(bytes.subarray(at, bodyAt));
  const seqAt = new TextDecoder("latin1").decode(own).indexOf(`"seq":"${seq}"`) + 7;
  if (!/^[0-9]{10}$/.test(seq) || seqAt < 7) return undefined;
  const offsets = [0, 5, ...steps(17, seqAt), ...steps(seqAt + DIGITS, own.length)];
  const view = new DataView(own.buffer);
  // Eight bytes are one number. Two of them are equal only if all of their bits are, as none is zero.
  const words = Float64Array.from(offsets, (offset) => view.getFloat64(offset, true));
  return { seqAt, size: own.length, offsets: Int32Array.from(offsets), words };
}

/** Where to look to see every byte from `start` to `end`, eight at a time. */
function steps(start, end) {
  const list = [];
  for (let at = start; at + 8 <= end; at += 8) list.push(at);
  return [...list, end - 8];
}

/** Whether the frame at `at` has a known header. */
export function matches({ offsets, words }, view, at) {
  for (let i = 0; i < words.length; i++) {
    if (view.getFloat64(at + offsets[i], true) !== words[i]) return false;
  }
  return true;
}
