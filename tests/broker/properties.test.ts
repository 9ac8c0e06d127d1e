import { describe, expect, it } from "vitest";
import { type EventProtocol, SELECTORS } from "../../lib/eventmesh/wire/mod.ts";
import { leakGate } from "../support/leak.ts";
import { SUCCESS, useBroker } from "./fixture.ts";

leakGate();

const mesh = useBroker();
const abnormal = "org.apache.eventmesh.protocol.api.exception.ProtocolHandleException: Abnormal propKey: ";

/** The body of a message to topic `t`. */
function body(protocol: EventProtocol, change: object = {}): string {
  return JSON.stringify(
    protocol === "cloudevents"
      ? { specversion: "1.0", id: "1", source: "/", type: "a", subject: "t", data: {}, ...change }
      : { topic: "t", properties: {}, headers: {}, body: "hello", ...change },
  );
}

/** The body of a message to topic `t` with properties, where its protocol has them. */
function withProperties(protocol: EventProtocol, properties: object): string {
  return body(protocol, protocol === "cloudevents" ? properties : { properties });
}

describe.each(["eventmeshmessage", "cloudevents"] as const)("properties of a message of %s", (protocol) => {
  const selectors = SELECTORS[protocol];
  const read = (value: unknown): Record<string, unknown> => {
    const message = value as { properties: Record<string, unknown> } & Record<string, unknown>;
    return protocol === "cloudevents" ? message : message.properties;
  };

  it("may come in the header of its frame, and travel with it", async () => {
    await mesh.start();
    const [client, publisher] = [await mesh.subscriber("g", "t"), await mesh.publisher()];
    const message = withProperties(protocol, { color: "red" });
    const properties = { ...selectors, size: 42, kind: "x" };
    expect(await publisher.request("ASYNC_MESSAGE_TO_SERVER", message, properties)).toMatchObject(SUCCESS);
    const push = await client.expect("ASYNC_MESSAGE_TO_CLIENT");
    expect(push.properties).toEqual({ protocoltype: protocol });
    expect(read(push.json())).toMatchObject({ color: "red", size: "42", kind: "x" });
    expect(read(push.json())).not.toHaveProperty("protocoldesc");
  });

  it("may be in the header and in the body at the same time", async () => {
    await mesh.start();
    const [client, publisher] = [await mesh.subscriber("g", "t"), await mesh.publisher()];
    const message = withProperties(protocol, { color: "body" });
    await publisher.request("ASYNC_MESSAGE_TO_SERVER", message, { ...selectors, color: "header" });
    const push = await client.expect("ASYNC_MESSAGE_TO_CLIENT");
    expect(read(push.json()).color).toBe(protocol === "cloudevents" ? "header" : "body");
  });

  it("in the header of a request reach the responder", async () => {
    await mesh.start();
    const responder = await mesh.subscriber("g", { topic: "t", type: "SYNC" });
    const requester = await mesh.publisher();
    requester.send(
      { cmd: "REQUEST_TO_SERVER", seq: "7", properties: { ...selectors, size: "42" } },
      body(protocol),
    );
    const push = await responder.expect("REQUEST_TO_CLIENT");
    expect(read(push.json())).toMatchObject({ size: "42", correlation99id: expect.any(String) });
  });

  it.each([["Size", "42"], ["my-size", "42"], ["", "42"], ["size", null]])(
    "in the header are refused when they are %j: %j",
    async (name, value) => {
      await mesh.start();
      const [client, publisher] = [await mesh.subscriber("g", "t"), await mesh.publisher()];
      const properties = { ...selectors, [name]: value };
      for (const cmd of ["ASYNC_MESSAGE_TO_SERVER", "REQUEST_TO_SERVER"] as const) {
        const answer = await publisher.request(cmd, body(protocol), properties);
        expect(answer).toMatchObject({ code: 1, description: abnormal + name });
      }
      expect(await client.settled()).toEqual([]);
    },
  );

  it("in the header count towards the size of the message", async () => {
    await mesh.start({ limits: { maxMessageSize: 2_048 } });
    const [client, publisher] = [await mesh.subscriber("g", "t"), await mesh.publisher()];
    const properties = {
      ...selectors,
      ...Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`a${i}`, i])),
    };
    for (const cmd of ["ASYNC_MESSAGE_TO_SERVER", "REQUEST_TO_SERVER"] as const) {
      const answer = await publisher.request(cmd, body(protocol), properties);
      expect(answer).toMatchObject({
        code: 1,
        description: expect.stringContaining("exceeds the limit: 2048"),
      });
    }
    expect(await client.settled()).toEqual([]);
  });

  it("that change how data is read do not come in from the header", async () => {
    await mesh.start();
    const [client, publisher] = [await mesh.subscriber("g", "t"), await mesh.publisher()];
    const properties = { ...selectors, dataencoding: "base64", contenttype: "image/png" };
    expect(await publisher.request("ASYNC_MESSAGE_TO_SERVER", body(protocol), properties)).toMatchObject(
      SUCCESS,
    );
    const push = await client.expect("ASYNC_MESSAGE_TO_CLIENT");
    expect(read(push.json())).not.toHaveProperty("dataencoding");
    expect(read(push.json())).not.toHaveProperty("contenttype");
  });

  it("travel when bodies are not read, too", async () => {
    await mesh.start({ validate: false });
    const [client, publisher] = [await mesh.subscriber("g", "t"), await mesh.publisher()];
    await publisher.request("ASYNC_MESSAGE_TO_SERVER", body(protocol), { ...selectors, size: "42" });
    expect(read((await client.expect("ASYNC_MESSAGE_TO_CLIENT")).json()).size).toBe("42");
  });

  it.each(["Color", "my-color", "c\u00e4", "co lor", ""])(
    "are refused when one is called %j",
    async (name) => {
      await mesh.start();
      const publisher = await mesh.publisher();
      const message = withProperties(protocol, { [name]: "red" });
      const answer = await publisher.request("ASYNC_MESSAGE_TO_SERVER", message, selectors);
      expect(answer).toMatchObject({ code: 1, description: abnormal + name });
    },
  );
});

it.each<[string, EventProtocol, object, string]>([
  ["a property that is null", "eventmeshmessage", { properties: { color: null } }, `${abnormal}color`],
  ["a property that is an object", "eventmeshmessage", { properties: { color: {} } }, `${abnormal}color`],
  [
    "properties that are none",
    "eventmeshmessage",
    { properties: "red" },
    "java.lang.Exception: properties are not an object",
  ],
  [
    "headers that are none",
    "eventmeshmessage",
    { headers: [] },
    "java.lang.Exception: headers are not an object",
  ],
  ["a text that is none", "eventmeshmessage", { body: {} }, "java.lang.Exception: body is not a text"],
  [
    "a specversion of its own",
    "cloudevents",
    { specversion: "9.9" },
    "java.lang.Exception: specversion is unknown",
  ],
])("a message with %s is refused", async (_, protocol, change, description) => {
  await mesh.start();
  const publisher = await mesh.publisher();
  const answer = await publisher.request(
    "ASYNC_MESSAGE_TO_SERVER",
    body(protocol, change),
    SELECTORS[protocol],
  );
  expect(answer).toMatchObject({ code: 1, description });
});

it.each<[string, EventProtocol, object]>([
  ["without properties", "eventmeshmessage", { properties: null }],
  ["without headers", "eventmeshmessage", { headers: undefined }],
  ["with a number for its text", "eventmeshmessage", { body: 42 }],
  ["with a number for a property", "eventmeshmessage", { properties: { color: 42 } }],
  ["with every attribute", "cloudevents", {
    time: "2026-01-02T03:04:05Z",
    dataschema: "/s",
    datacontenttype: "a/b",
    data: undefined,
    data_base64: "",
  }],
  ["of specversion 0.3", "cloudevents", { specversion: "0.3" }],
  ["whose topic has to be parsed", "cloudevents", {
    subject: "t\u00e4",
    datacontenttype: "a/b",
    dataschema: "/s",
    time: "2026-01-02T03:04:05Z",
    data: undefined,
    data_base64: "",
  }],
])("a message %s is accepted", async (_, protocol, change) => {
  await mesh.start();
  const publisher = await mesh.publisher();
  const answer = await publisher.request(
    "ASYNC_MESSAGE_TO_SERVER",
    body(protocol, change),
    SELECTORS[protocol],
  );
  expect(answer).toMatchObject(SUCCESS);
});
