// One connection: frames that come and frames that go.
import { HEADER_AT, learn, matches } from "./frames.mjs";
import { readText } from "./bytes.mjs";

const SLAB = 65_536;

export class Wire {
  /** What is written next, and a view of the same bytes. */
  bytes = new Uint8Array(SLAB);
  view = new DataView(this.bytes.buffer);
  #length = 0;
  #socket;
  #touched = false;
  #touch;
  #handlers;
  /** Headers that have come. */
  #known = [];
  /** A frame of which the end is missing. */
  #carry = new Uint8Array(SLAB);
  #carryView = new DataView(this.#carry.buffer);
  #have = 0;

  /**
   * `handlers` by command are called with the connection, the bytes, where the digits of the sequence number are, and
   * where the body begins and ends. `touch` is called with the connection when there is something to flush.
   */
  constructor(socket, handlers, touch) {
    this.#socket = socket;
    this.#handlers = handlers;
    this.#touch = touch;
  }

  /** Begins a frame, for which `room` bytes of body suffice; returns where the body begins. `seq`: ten digits at `seqAt`. */
  begin({ bytes: { length }, bytes, seqAt }, seq, at, room) {
    if (this.#length + length + room > this.bytes.length) this.#makeRoom(length + room);
    const target = this.bytes;
    const start = this.#length;
    target.set(bytes, start);
    const digits = start + seqAt;
    for (let i = 0; i < 10; i++) target[digits + i] = seq[at + i];
    return start + length;
  }

  /** Ends it where its body ends. */
  end(bodyEnd) {
    this.view.setInt32(this.#length + 13, bodyEnd - this.#length - 8);
    this.#length = bodyEnd;
    if (this.#touched) return;
    this.#touched = true;
    this.#touch(this);
  }

  /** A frame with a body that is there already. */
  send(template, seq, seqAt, body, start, end) {
    const at = this.begin(template, seq, seqAt, end - start);
    if (end > start) this.bytes.set(body.subarray(start, end), at);
    this.end(at + end - start);
  }

  flush() {
    this.#touched = false;
    if (this.#length === 0) return;
    this.#socket.write(this.bytes.subarray(0, this.#length));
    this.#length = 0;
    // Else the system has the bytes already.
    if (this.#socket.writableLength > 0) this.#renew(SLAB);
  }

  #makeRoom(size) {
    const touched = this.#touched;
    this.flush();
    this.#touched = touched;
    if (size > this.bytes.length) this.#renew(size);
  }

  #renew(size) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Takes what has come. The bytes may be written again afterwards. */
  receive(bytes, view, length) {
    let at = this.#have === 0 ? 0 : this.#complete(bytes, length);
    while (length - at >= HEADER_AT) {
      const size = view.getInt32(at + 13) + 8;
      if (length - at < size) break;
      this.#frame(bytes, view, at, size);
      at += size;
    }
    if (at < length) this.#keep(bytes, at, length);
  }

  /** Completes the frame whose end was missing. Returns how many bytes it took. */
  #complete(bytes, length) {
    let at = 0;
    if (this.#have < HEADER_AT) {
      at = Math.min(HEADER_AT - this.#have, length);
      this.#keep(bytes, 0, at);
      if (this.#have < HEADER_AT) return at;
    }
    const size = this.#carryView.getInt32(13) + 8;
    const taken = Math.min(size - this.#have, length - at);
    this.#keep(bytes, at, at + taken);
    if (this.#have === size) {
      this.#have = 0;
      this.#frame(this.#carry, this.#carryView, 0, size);
    }
    return at + taken;
  }

  #keep(bytes, start, end) {
    const have = this.#have + end - start;
    if (have > this.#carry.length) {
      const larger = new Uint8Array(have * 2);
      larger.set(this.#carry.subarray(0, this.#have));
      this.#carry = larger;
      this.#carryView = new DataView(larger.buffer);
    }
    this.#carry.set(bytes.subarray(start, end), this.#have);
    this.#have = have;
  }

  #frame(bytes, view, at, size) {
    const bodyAt = at + HEADER_AT + view.getInt32(at + 17);
    const known = this.#known;
    for (let i = 0; i < known.length; i++) {
      const { header, handle } = known[i];
      if (header.size === bodyAt - at && matches(header, view, at)) {
        return handle(this, bytes, at + header.seqAt, bodyAt, at + size);
      }
    }
    const { cmd, code, desc, seq } = JSON.parse(readText(bytes, at + HEADER_AT, bodyAt));
    const header = learn(bytes, at, bodyAt, seq);
    const handle = this.#handlers[cmd];
    if (code !== 0 || header === undefined || handle === undefined) {
      throw new Error(`did not expect ${cmd}, code ${code}, number ${seq}: ${desc}`);
    }
    known.push({ header, handle });
    handle(this, bytes, at + header.seqAt, bodyAt, at + size);
  }
}
