import { type Case, cloudEvents, selectors, type Stage } from "./stage.ts";

/** A publish to a topic that has a subscriber: its header, and its body. */
type Publish = readonly [
  header: Readonly<Record<string, unknown>>,
  body: (stage: Stage) => string | Uint8Array | undefined,
];

const plain = selectors();
const message = (change: object = {}) => (stage: Stage): string => stage.message(change);
const event = (change: object = {}) => (stage: Stage): string => stage.event(change);

/** The event size that both servers are started with. */
export const MAX_SIZE = 1_000_000;

const publishes: Readonly<Record<string, Publish>> = {
  "publish-message": [plain, message()],
  "publish-event": [cloudEvents, event()],
  "publish-event-of-0-3": [
    selectors({ protocoltype: "cloudevents", protocolversion: "0.3" }),
    event({ specversion: "0.3" }),
  ],
  "publish-message-of-0-3": [selectors({ protocolversion: "0.3" }), message()],
  "publish-without-properties": [{}, message()],
  "publish-null-properties": [{ properties: null }, message()],
  "publish-without-protocoltype": [selectors({ protocoltype: undefined }), message()],
  "publish-unknown-protocoltype": [selectors({ protocoltype: "smoke" }), message()],
  "publish-openmessage": [selectors({ protocoltype: "openmessage" }), message()],
  "publish-without-protocolversion": [selectors({ protocolversion: undefined }), message()],
  "publish-unknown-protocolversion": [selectors({ protocolversion: "9" }), message()],
  "publish-without-protocoldesc": [selectors({ protocoldesc: undefined }), message()],
  "publish-protocoldesc-http": [selectors({ protocoldesc: "http" }), message()],
  "publish-header-property": [selectors({ size: "large" }), message()],
  "publish-number-header-property": [selectors({ size: 42 }), message()],
  "publish-upper-case-header-property": [selectors({ Size: "large" }), message()],
  "publish-null-header-property": [selectors({ size: null }), message()],
  "publish-object-header-property": [selectors({ size: { a: 1 } }), message()],
  "publish-header-property-in-both": [
    selectors({ size: "large" }),
    message({ properties: { size: "small" } }),
  ],
  "publish-event-header-property": [
    selectors({ protocoltype: "cloudevents", size: "large" }),
    event(),
  ],
  "publish-event-header-property-in-both": [
    selectors({ protocoltype: "cloudevents", size: "large" }),
    event({ size: "small" }),
  ],
  "publish-event-upper-case-header-property": [
    selectors({ protocoltype: "cloudevents", Size: "large" }),
    event(),
  ],
  "publish-event-null-header-property": [
    selectors({ protocoltype: "cloudevents", size: null }),
    event(),
  ],
  "publish-event-of-0-3-as-1-0": [cloudEvents, event({ specversion: "0.3" })],
  "publish-event-of-1-0-as-0-3": [
    selectors({ protocoltype: "cloudevents", protocolversion: "0.3" }),
    event(),
  ],
  "publish-without-seq": [{ ...plain, seq: null }, message()],
  "publish-without-body": [plain, () => undefined],
  "publish-no-json": [plain, () => "hello"],
  "publish-array": [plain, () => "[]"],
  "publish-null": [plain, () => "null"],
  "publish-without-content": [plain, message({ body: undefined })],
  "publish-empty-content": [plain, message({ body: "" })],
  "publish-number-content": [plain, message({ body: 42 })],
  "publish-object-content": [plain, message({ body: {} })],
  "publish-without-topic": [plain, message({ topic: undefined })],
  "publish-empty-topic": [plain, message({ topic: "" })],
  "publish-blank-topic": [plain, message({ topic: " " })],
  "publish-without-message-properties": [plain, message({ properties: undefined })],
  "publish-without-message-headers": [plain, message({ headers: undefined })],
  "publish-without-content-type": [plain, message({ headers: {} })],
  "publish-unknown-message-field": [plain, message({ flavour: "vanilla" })],
  "publish-unknown-message-header": [
    plain,
    message({ headers: { datacontenttype: "text/plain", "X-A": "b" } }),
  ],
  "publish-upper-case-property": [plain, message({ properties: { Color: "red" } })],
  "publish-dashed-property": [plain, message({ properties: { "my-color": "red" } })],
  "publish-empty-property": [plain, message({ properties: { color: "" } })],
  "publish-number-property": [plain, message({ properties: { color: 42 } })],
  "publish-null-property": [plain, message({ properties: { color: null } })],
  "publish-object-property": [plain, message({ properties: { color: {} } })],
  "publish-boolean-property": [plain, message({ properties: { color: true } })],
  "publish-text-properties": [plain, message({ properties: "red" })],
  "publish-text-headers": [plain, message({ headers: "red" })],
  "publish-number-topic": [plain, message({ topic: 42 })],
  "publish-long-property": [plain, message({ properties: { averyveryverylongname42: "red" } })],
  "publish-ttl": [plain, message({ properties: { ttl: "30000" } })],
  "publish-unicode": [plain, message({ body: "grüße 世界 \u{1f600} \u0000 \n" })],
  "publish-malformed-text": [plain, ({ topic }) => malformed(topic)],
  "publish-full-size": [plain, message({ body: "x".repeat(MAX_SIZE - 1_000) })],
  "publish-too-large": [plain, message({ body: "x".repeat(MAX_SIZE + 1) })],
  "publish-just-too-large": [plain, message({ body: "x".repeat(MAX_SIZE - 1) })],
  "publish-large-in-bytes": [plain, message({ body: "世".repeat(MAX_SIZE / 2) })],
  "publish-event-without-specversion": [cloudEvents, event({ specversion: undefined })],
  "publish-event-of-another-specversion": [cloudEvents, event({ specversion: "9.9" })],
  "publish-event-without-id": [cloudEvents, event({ id: undefined })],
  "publish-event-without-source": [cloudEvents, event({ source: undefined })],
  "publish-event-without-type": [cloudEvents, event({ type: undefined })],
  "publish-event-without-subject": [cloudEvents, event({ subject: undefined })],
  "publish-event-without-data": [cloudEvents, event({ data: undefined })],
  "publish-event-without-content-type": [cloudEvents, event({ datacontenttype: undefined })],
  "publish-event-content-type-json": [cloudEvents, event({ datacontenttype: "application/json" })],
  "publish-event-content-type-text": [cloudEvents, event({ datacontenttype: "text/plain", data: "hello" })],
  "publish-event-text-data": [cloudEvents, event({ data: "hello" })],
  "publish-event-number-data": [cloudEvents, event({ data: 42 })],
  "publish-event-null-data": [cloudEvents, event({ data: null })],
  "publish-event-base64-data": [cloudEvents, event({ data: undefined, data_base64: "eyJhIjoxfQ==" })],
  "publish-event-time": [cloudEvents, event({ time: "2026-01-02T03:04:05Z" })],
  "publish-event-upper-case-extension": [cloudEvents, event({ Color: "red" })],
  "publish-event-number-extension": [cloudEvents, event({ size: 42 })],
  "publish-event-object-extension": [cloudEvents, event({ size: {} })],
  "publish-event-null-extension": [cloudEvents, event({ size: null })],
  "publish-event-relative-source": [cloudEvents, event({ source: "shop" })],
  "publish-event-wrong-source": [cloudEvents, event({ source: "%%" })],
  "publish-event-no-json": [cloudEvents, () => "hello"],
  "publish-event-as-message": [plain, event()],
  "publish-message-as-event": [cloudEvents, message()],
};

/** A message whose text is not UTF-8. */
function malformed(topic: string): Uint8Array {
  const bytes = new TextEncoder().encode(JSON.stringify({ topic, properties: {}, headers: {}, body: "~~" }));
  bytes.set([0xff, 0xc3], bytes.indexOf(0x7e));
  return bytes;
}

export const publishCases: readonly Case[] = [
  ...Object.entries(publishes).map(([name, [header, body]]): Case => ({
    name,
    async play(stage) {
      const subscriber = await stage.subscribe("sub");
      const publisher = await stage.open("pub", "pub");
      const { answers } = publisher.send("ASYNC_MESSAGE_TO_SERVER", { body: body(stage) }, header);
      await publisher.until(() => answers.length + publisher.pushes.length > 0, { pushes: 1 });
      // What was refused, to nobody's knowledge, reached nobody; only what was accepted is waited for.
      if (answers[0]?.header.code === 0) await subscriber.push();
    },
  })),
  {
    name: "publish-to-nobody",
    async play(stage) {
      const publisher = await stage.open("pub");
      await publisher.say("ASYNC_MESSAGE_TO_SERVER", stage.message(), plain);
    },
  },
  {
    name: "publish-as-subscriber",
    async play(stage) {
      const line = await stage.subscribe("");
      await line.say("ASYNC_MESSAGE_TO_SERVER", stage.message(), plain);
      await line.push();
    },
  },
];
