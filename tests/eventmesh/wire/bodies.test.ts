import { describe, expect, it } from "vitest";
import fc from "fast-check";
import { ProtocolError } from "../../../lib/errors.ts";
import {
  type Command,
  decodeRecommendation,
  decodeRedirect,
  decodeSubscription,
  decodeUserAgent,
  encodeRecommendation,
  encodeRedirect,
  encodeSubscription,
  encodeUserAgent,
  type Packet,
  type SubscriptionItem,
  type UserAgent,
} from "../../../lib/eventmesh/wire/mod.ts";
import { decodeAll, rawFrame } from "./frames.ts";

const agent: UserAgent = {
  env: "PRD",
  subsystem: "5034",
  path: "/app",
  pid: 42,
  host: "127.0.0.1",
  port: 8362,
  version: "2.0",
  username: "u",
  password: "p",
  idc: "FT",
  group: "g1",
  purpose: "sub",
};

const packetOf = (cmd: Command, body: string | Uint8Array): Packet =>
  decodeAll([rawFrame(`{"cmd":"${cmd}"}`, body)])[0]!;
const hello = (body: string | Uint8Array): Packet => packetOf("HELLO_REQUEST", body);
const subscribe = (body: string): Packet => packetOf("SUBSCRIBE_REQUEST", body);
const redirect = (body: string): Packet => packetOf("REDIRECT_TO_CLIENT", body);
const recommend = (body: string): Packet => packetOf("RECOMMEND_RESPONSE", body);

const filled = fc.string({ unit: "binary", minLength: 1 }).filter((text) => text.trim() !== "");

describe("every body", () => {
  const decoders: [name: string, cmd: Command, decode: (packet: Packet) => unknown][] = [
    ["user agent", "HELLO_REQUEST", decodeUserAgent],
    ["user agent", "RECOMMEND_REQUEST", decodeUserAgent],
    ["subscription", "SUBSCRIBE_REQUEST", decodeSubscription],
    ["subscription", "UNSUBSCRIBE_REQUEST", decodeSubscription],
    ["redirect", "REDIRECT_TO_CLIENT", decodeRedirect],
    ["recommendation", "RECOMMEND_RESPONSE", decodeRecommendation],
  ];

  it.each(decoders)("that is missing or null is undefined: %s of %s", (_, cmd, decode) => {
    expect(decode(packetOf(cmd, ""))).toBeUndefined();
    expect(decode(packetOf(cmd, "null"))).toBeUndefined();
  });

  it.each(decoders)("that is malformed is a ProtocolError at its offset: %s of %s", (_, cmd, decode) => {
    for (
      const body of [
        "{",
        "[]",
        '{"topicList":[[]]}',
        "5",
        '"text"',
        '{"topicList":["T"]}',
        '{"pid":{},"port":{}}',
      ]
    ) {
      const packet = packetOf(cmd, body);
      // A user agent has no topicList, and ignores it; a subscription has neither pid nor port.
      if ((body.includes("topicList") && decode === decodeUserAgent)) continue;
      if (body.includes("pid") && decode === decodeSubscription) continue;
      try {
        decode(packet);
        expect.unreachable(`${cmd} ${body}`);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
        expect((error as ProtocolError).offset).toBe(21 + `{"cmd":"${cmd}"}`.length);
        expect((error as ProtocolError).message).toContain(`Cannot decode the body of ${cmd}: `);
      }
    }
  });
});

describe("a user agent", () => {
  it("is read back as it was written", () => {
    fc.assert(fc.property(
      fc.record({
        ...{ env: filled, subsystem: filled, path: filled, version: filled, idc: filled, group: filled },
        ...{ host: fc.string(), username: fc.string(), password: fc.string() },
        ...{ pid: fc.integer(), port: fc.integer({ min: 0, max: 65535 }), unack: fc.nat() },
        purpose: fc.constantFrom("pub" as const, "sub" as const),
      }),
      fc.option(fc.string(), { nil: undefined }),
      (record, token) => {
        const written: UserAgent = token === undefined ? record : { ...record, token };
        expect(decodeUserAgent(hello(encodeUserAgent(written)))).toEqual(written);
      },
    ));
  });

  it("writes its fields in the order of the Java class, without what is not there, and with 0 for unack", () => {
    expect(encodeUserAgent(agent)).toBe(
      '{"env":"PRD","subsystem":"5034","path":"/app","pid":42,"host":"127.0.0.1","port":8362,"version":"2.0","username":"u","password":"p","idc":"FT","group":"g1","purpose":"sub","unack":0}',
    );
    expect(encodeUserAgent({ ...agent, token: "t" })).toContain('"password":"p","token":"t","idc"');
  });

  it.each<[field: string, value: unknown, message: string]>([
    ["group", "", 'group is "", must be a non-empty string'],
    ["group", " ", 'group is " ", must be a non-empty string'],
    ["idc", undefined, "idc is undefined, must be a non-empty string"],
    ["env", null, "env is null, must be a non-empty string"],
    ["path", 5, "path is 5, must be a non-empty string"],
    ["version", [], "version is an array, must be a non-empty string"],
    ["subsystem", {}, "subsystem is an object, must be a non-empty string"],
    ["purpose", "Pub", 'purpose is "Pub", must be "pub" or "sub"'],
    ["pid", 1.5, "pid is 1.5, must be an integer from -2147483648 to 2147483647"],
    ["port", 65_536, "port is 65536, must be an integer from 0 to 65535"],
    ["host", "x".repeat(0) || 7, "host is 7, must be a string"],
    ["unack", "0", 'unack is "0", must be an integer'],
  ])("is refused with the field, what it is and what it must be: %s", (field, value, message) => {
    const encode = (): string => encodeUserAgent({ ...agent, [field]: value } as UserAgent);
    expect(encode).toThrow(TypeError);
    expect(encode).toThrow(`Cannot encode a user agent: ${message}`);
  });

  it("never shows a password or token in an error", () => {
    for (const field of ["password", "token"]) {
      expect(() => encodeUserAgent({ ...agent, [field]: 314159 } as UserAgent)).toThrow(
        `${field} is of type number, must be a string`,
      );
    }
  });

  it("is read whatever it says: fields missing, null, unknown, or of another type", () => {
    expect(decodeUserAgent(hello("{}"))).toEqual({ pid: 0, port: 0, unack: 0 });
    const body =
      '{"env":null,"group":7,"idc":true,"pid":"12","port":null,"unack":1.9,"purpose":"other","producerGroup":"x"}';
    expect(decodeUserAgent(hello(body))).toEqual({
      ...{ env: undefined, group: "7", idc: "true", pid: 12, port: 0, unack: 1, purpose: "other" },
    });
    expect(() => decodeUserAgent(hello('{"pid":"x"}'))).toThrow("pid must be an integer");
    expect(() => decodeUserAgent(hello('{"env":[]}'))).toThrow("env must be a string");
  });
});

describe("a subscription", () => {
  const item = fc.record({
    topic: filled,
    mode: fc.constantFrom("CLUSTERING" as const, "BROADCASTING" as const),
    type: fc.constantFrom("ASYNC" as const, "SYNC" as const),
  });

  it("is read back as it was written", () => {
    fc.assert(fc.property(fc.array(item, { minLength: 1 }), (items) => {
      expect(decodeSubscription(subscribe(encodeSubscription(items)))).toEqual(items);
    }));
  });

  it("has CLUSTERING and ASYNC where nothing is said", () => {
    const wanted = [{ topic: "T", mode: "CLUSTERING", type: "ASYNC" }];
    expect(decodeSubscription(subscribe(encodeSubscription([{ topic: "T" }])))).toEqual(wanted);
    expect(decodeSubscription(subscribe('{"topicList":[{"topic":"T","mode":null}]}'))).toEqual(wanted);
  });

  it("is read without a list, or a topic, for the server to refuse", () => {
    expect(decodeSubscription(subscribe("{}"))).toEqual([]);
    expect(decodeSubscription(subscribe('{"topicList":null}'))).toEqual([]);
    expect(decodeSubscription(subscribe('{"topicList":[{"topic":null,"x":1}]}'))).toMatchObject([{
      topic: "",
    }]);
    expect(decodeSubscription(subscribe('{"topicList":[{"topic":42}]}'))).toMatchObject([{ topic: "42" }]);
    expect(decodeSubscription(subscribe('{"topicList":[{"topic":"T","mode":"UNRECOGNIZED"}]}')))
      .toMatchObject([{ mode: "UNRECOGNIZED" }]);
  });

  it.each([
    ['{"topicList":["T"]}', "topicList.0 must be an object"],
    [
      '{"topicList":[{"topic":"T"},{"topic":"U","mode":"clustering"}]}',
      "topicList.1.mode must be a mode by its exact name",
    ],
    ['{"topicList":[{"topic":"T","type":"Sync"}]}', "topicList.0.type must be a type by its exact name"],
  ])("is refused when it says %s", (body, message) => {
    expect(() => decodeSubscription(subscribe(body))).toThrow(message);
    expect(() => decodeSubscription(subscribe(body))).toThrow(ProtocolError);
  });

  it.each<[items: unknown, message: string]>([
    [[], "topicList is an array, must be an array with at least one item"],
    [[{ topic: "T" }, { topic: "" }], 'topicList.1.topic is "", must be a non-empty string'],
    [
      [{ topic: "T", mode: "UNRECOGNIZED" }],
      'topicList.0.mode is "UNRECOGNIZED", must be "CLUSTERING" or "BROADCASTING"',
    ],
    [[{ topic: "T", type: "sync" }], 'topicList.0.type is "sync", must be "ASYNC" or "SYNC"'],
    ["T", 'topicList is "T", must be an array'],
  ])("is not written when it is wrong: %j", (items, message) => {
    const encode = (): string => encodeSubscription(items as SubscriptionItem[]);
    expect(encode).toThrow(TypeError);
    expect(encode).toThrow(`Cannot encode a subscription: ${message}`);
  });
});

describe("an address", () => {
  it("of a redirect is read back as it was written", () => {
    expect(encodeRedirect({ ip: "10.0.0.1", port: 10000 })).toBe('{"ip":"10.0.0.1","port":10000}');
    fc.assert(fc.property(filled, fc.integer({ min: 1, max: 65535 }), (ip, port) => {
      expect(decodeRedirect(redirect(encodeRedirect({ ip, port })))).toEqual({ ip, port });
    }));
    expect(decodeRedirect(redirect('{"ip":"h","port":"99","x":1}'))).toEqual({ ip: "h", port: 99 });
  });

  it.each([
    '{"ip":"","port":1}',
    '{"ip":"h"}',
    '{"ip":"h","port":0}',
    '{"ip":"h","port":65536}',
    '{"port":1}',
  ])(
    "of a redirect must lead somewhere: %s",
    (body) => expect(() => decodeRedirect(redirect(body))).toThrow(ProtocolError),
  );

  it("of a recommendation is read back as it was written", () => {
    expect(encodeRecommendation({ ip: "10.0.0.1", port: 10000 })).toBe('"10.0.0.1:10000"');
    expect(encodeRecommendation({ ip: "::1", port: 1 })).toBe('"[::1]:1"');
    for (const ip of ["10.0.0.1", "host", "::1", "fe80::1"]) {
      expect(decodeRecommendation(recommend(encodeRecommendation({ ip, port: 7 })))).toEqual({ ip, port: 7 });
    }
    expect(decodeRecommendation(recommend("10.0.0.1:10000"))).toEqual({ ip: "10.0.0.1", port: 10000 });
  });

  it.each(['"host"', '":1"', '"h:0"', '"h:70000"', '"h:x"', "{}"])(
    "of a recommendation is refused: %s",
    (body) => {
      expect(() => decodeRecommendation(recommend(body))).toThrow(ProtocolError);
    },
  );

  it("is not written when it is wrong", () => {
    expect(() => encodeRedirect({ ip: "", port: 1 })).toThrow('ip is "", must be a non-empty string');
    expect(() => encodeRecommendation({ ip: "h", port: 0 })).toThrow(
      "port is 0, must be an integer from 1 to 65535",
    );
  });
});
