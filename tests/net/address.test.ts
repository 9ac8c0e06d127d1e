import { describe, expect, it } from "vitest";
import { formatAddress, parseAddress, targetText } from "../../lib/net/mod.ts";

describe("addresses", () => {
  it.each([
    ["127.0.0.1:4222", { host: "127.0.0.1", port: 4222 }],
    ["localhost:0", { host: "localhost", port: 0 }],
    ["[::1]:65535", { host: "::1", port: 65_535 }],
    ["[fe80::1%eth0]:80", { host: "fe80::1%eth0", port: 80 }],
    ["/run/broker.sock", { path: "/run/broker.sock" }],
    ["./broker.sock", { path: "./broker.sock" }],
  ])("are read and written alike: %s", (text, address) => {
    expect(parseAddress(text)).toEqual(address);
    expect(targetText(address)).toBe(text);
  });

  it.each([
    "",
    "localhost",
    "::1:80",
    "[::1]",
    "[::1:80",
    "[localhost]:80",
    "a b:80",
    "host:",
    "host:8o",
    "host:-1",
  ])(
    "that are none are refused: %s",
    (text) => expect(() => parseAddress(text)).toThrow(TypeError),
  );

  it("have a port of at most 65535", () => {
    expect(() => parseAddress("host:65536")).toThrow(RangeError);
  });

  it("put brackets around IPv6 only", () => {
    expect(formatAddress("example.org", 1)).toBe("example.org:1");
    expect(formatAddress("2001:db8::1", 1)).toBe("[2001:db8::1]:1");
  });
});
