import { Buffer } from "node:buffer";
import { connect } from "node:net";

/**
 * Creates a topic on a broker of RocketMQ, by the command that its own tool sends: that tool is a Java program of some
 * seconds for each topic.
 */
export async function createTopic(port: number, topic: string): Promise<void> {
  const { code, remark } = await command(port, 17, {
    topic,
    defaultTopic: "TBW102",
    readQueueNums: "4",
    writeQueueNums: "4",
    perm: "6",
    topicFilterType: "SINGLE_TAG",
    topicSysFlag: "0",
    order: "false",
  });
  if (code !== 0) throw new Error(`RocketMQ cannot create the topic ${topic}: ${remark} (${code})`);
}

/** A frame is its length, the length of its header, the header in JSON, and a body. */
function command(
  port: number,
  code: number,
  extFields: Readonly<Record<string, string>>,
): Promise<{ code: number; remark?: string }> {
  const header = Buffer.from(
    JSON.stringify({ code, language: "OTHER", version: 401, opaque: 1, flag: 0, extFields }),
  );
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(4 + header.length, 0);
  lengths.writeUInt32BE(header.length, 4); // The first byte is the encoding of the header: 0 is JSON.
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let received = Buffer.alloc(0);
    socket.setTimeout(20_000, () => socket.destroy(new Error("RocketMQ has not answered within 20000 ms")));
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("RocketMQ has closed the connection without an answer")));
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 8 || received.length < 4 + received.readUInt32BE(0)) return;
      resolve(JSON.parse(received.toString("utf8", 8, 8 + (received.readUInt32BE(4) & 0xffffff))));
      socket.destroy();
    });
    socket.write(Buffer.concat([lengths, header]));
  });
}
