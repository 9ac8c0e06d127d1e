import { describe, expect, it } from "vitest";
import { commandInfo, COMMANDS, isCommand, OPStatus } from "../../../lib/eventmesh/wire/mod.ts";

describe("commands", () => {
  it("are the 37 of the protocol, each at the index of its number", () => {
    expect(COMMANDS.length).toBe(37);
    COMMANDS.forEach((info, number) => expect(info.number).toBe(number));
    expect(new Set(COMMANDS.map(({ name }) => name)).size).toBe(37);
    expect(COMMANDS.map(({ name, direction }) => `${direction} ${name}`)).toEqual(
      [
        ...["to-server HEARTBEAT_REQUEST", "to-client HEARTBEAT_RESPONSE", "to-server HELLO_REQUEST"],
        ...[
          "to-client HELLO_RESPONSE",
          "to-server CLIENT_GOODBYE_REQUEST",
          "to-client CLIENT_GOODBYE_RESPONSE",
        ],
        ...[
          "to-client SERVER_GOODBYE_REQUEST",
          "to-server SERVER_GOODBYE_RESPONSE",
          "to-server SUBSCRIBE_REQUEST",
        ],
        ...[
          "to-client SUBSCRIBE_RESPONSE",
          "to-server UNSUBSCRIBE_REQUEST",
          "to-client UNSUBSCRIBE_RESPONSE",
        ],
        ...["to-server LISTEN_REQUEST", "to-client LISTEN_RESPONSE", "to-server REQUEST_TO_SERVER"],
        ...["to-client REQUEST_TO_CLIENT", "to-server REQUEST_TO_CLIENT_ACK", "to-server RESPONSE_TO_SERVER"],
        ...[
          "to-client RESPONSE_TO_CLIENT",
          "to-server RESPONSE_TO_CLIENT_ACK",
          "to-server ASYNC_MESSAGE_TO_SERVER",
        ],
        ...["to-client ASYNC_MESSAGE_TO_SERVER_ACK", "to-client ASYNC_MESSAGE_TO_CLIENT"],
        ...["to-server ASYNC_MESSAGE_TO_CLIENT_ACK", "to-server BROADCAST_MESSAGE_TO_SERVER"],
        ...["to-client BROADCAST_MESSAGE_TO_SERVER_ACK", "to-client BROADCAST_MESSAGE_TO_CLIENT"],
        ...["to-server BROADCAST_MESSAGE_TO_CLIENT_ACK", "to-server SYS_LOG_TO_LOGSERVER"],
        ...["to-server TRACE_LOG_TO_LOGSERVER", "to-client REDIRECT_TO_CLIENT", "unused REGISTER_REQUEST"],
        ...["unused REGISTER_RESPONSE", "unused UNREGISTER_REQUEST", "unused UNREGISTER_RESPONSE"],
        ...["to-server RECOMMEND_REQUEST", "to-client RECOMMEND_RESPONSE"],
      ],
    );
  });

  it("are answered in the opposite direction, by a command of the matching name", () => {
    for (const { name, direction, answer, ack } of COMMANDS) {
      for (const reply of [answer, ack]) {
        if (reply === undefined) continue;
        expect(commandInfo(reply).direction).toBe(direction === "to-server" ? "to-client" : "to-server");
      }
      if (ack !== undefined) expect(ack).toBe(`${name}_ACK`);
      if (direction !== "unused" && name.endsWith("_REQUEST")) {
        expect(answer).toBe(name.replace(/_REQUEST$/, "_RESPONSE"));
      }
    }
    expect(commandInfo("REQUEST_TO_SERVER").answer).toBe("RESPONSE_TO_CLIENT");
    expect(commandInfo("REQUEST_TO_CLIENT").answer).toBe("RESPONSE_TO_SERVER");
  });

  it("are recognised by their exact names only", () => {
    expect(isCommand("HELLO_REQUEST")).toBe(true);
    for (const name of ["hello_request", "", "constructor", "__proto__", undefined, 2]) {
      expect(isCommand(name)).toBe(false);
    }
    expect(() => commandInfo("NOPE" as never)).toThrow(TypeError);
  });

  it("have four status codes", () => {
    expect(OPStatus).toEqual({ SUCCESS: 0, FAIL: 1, ACL_FAIL: 2, TPS_OVERLOAD: 3 });
  });
});
