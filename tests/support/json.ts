/**
 * JSON that every runtime reads back as it was written. V8 15.0, as in Deno 2.9.6, may give a property whose name is one
 * character that has to be escaped the name of the property before it in another text:
 * `JSON.parse('{"\\"":1}')` has been seen with the name `\`.
 */
export function isReadAlike(json: string): boolean {
  return !/"\\(?:u[0-9a-f]{4}|[^u])"\s*:/i.test(json);
}
