/**
 * Seeded bugs of what the broker reads in messages, where it is to do as the runtime does.
 *
 * @module
 */
const commands = ["tests/broker/commands.test.ts"];
const hello = ["tests/broker/hello.test.ts"];
const properties = ["tests/broker/properties.test.ts"];

/** @type {import("./run/lists.mjs").Mutant[]} */
export default [
  {
    name: "A command of servers is refused by the name of its answer before hello",
    file: "lib/broker/commands.ts",
    find: "session.refuse(packet, NO_SESSION, handler === undefined ? command : undefined);",
    put: "session.refuse(packet, NO_SESSION);",
    tests: commands,
  },
  {
    name: "A second hello is not looked at",
    file: "lib/broker/hello.ts",
    find: "  const agent = session.closing && !known ? notRunning : readAgent(session, packet);",
    put: "  if (known) return session.succeed(packet, welcomeProperties(session));\n" +
      "  const agent = session.closing ? notRunning : readAgent(session, packet);",
    tests: hello,
  },
  {
    name: "A property with upper-case letters is accepted",
    file: "lib/broker/envelope.ts",
    find: "(unit < 0x61 || unit > 0x7a)",
    put: "(unit < 0x41 || unit > 0x7a)",
    tests: properties,
  },
  {
    name: "An attribute that need not be there is taken for an extension",
    file: "lib/broker/envelope.ts",
    find: "!isPropertyName(name) && !others.has(name)",
    put: "!isPropertyName(name)",
    tests: properties,
  },
  {
    name: "A property that is an object is accepted",
    file: "lib/broker/envelope.ts",
    find: "!isPropertyName(name) || !isScalar(properties[name])",
    put: "!isPropertyName(name)",
    tests: properties,
  },
  {
    name: "Properties of the header are lost when bodies are not read",
    file: "lib/broker/messages.ts",
    find: "  if (extras) return publishWithExtras(",
    put: "  if (extras && settings.validate) return publishWithExtras(",
    tests: properties,
  },
  {
    name: "The header of a request is not looked at for properties",
    file: "lib/broker/messages.ts",
    find: "    !extras && reader.read(",
    put: "    reader.read(",
    tests: properties,
  },
  {
    name: "A property of the header replaces that of an EventMeshMessage",
    file: "lib/broker/extras.ts",
    find: '!isFree(name) || protocol === "eventmeshmessage" && Object.hasOwn(properties, name)',
    put: "!isFree(name)",
    tests: properties,
  },
  {
    name: "The header changes how data is read",
    file: "lib/broker/extras.ts",
    find: "!isFree(name) || protocol",
    put: "protocol",
    tests: properties,
  },
  {
    name: "properties of a header do not count towards the size of a message",
    file: "lib/broker/extras.ts",
    find: "  return body.length > maxMessageSize ? tooLarge(maxMessageSize) : body;",
    put: "  return body;",
    tests: ["tests/broker/properties.test.ts"],
  },
];
