// What callers give to every system: texts of 400 B, none like the one before, and an object of two properties for each.
const texts = Array.from({ length: 64 }, (_, number) => {
  let text = "";
  for (let line = number * 100; text.length < 400; line++) text += `Item ${line} of order ${line * 7}; `;
  return text.slice(0, 400);
});
const tenants = Array.from({ length: 16 }, (_, number) => `tenant-${number}`);
let count = 0;

/** The next message. */
export function nextMessage() {
  const number = count++;
  return { data: texts[number & 63], properties: { kind: "order", tenant: tenants[number & 15] } };
}
