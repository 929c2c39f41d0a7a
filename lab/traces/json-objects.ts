// Finds the JSON objects at the top of a text, one after the other: an array of objects, one object a line, or objects with
// words between them, as a command line tool prints them. A text of any length, one object in memory.

/** Yields the text of each top-level object. What stands between objects is skipped; a last object without its end is not yielded. */
export async function* topLevelObjects(chunks: AsyncIterable<string> | Iterable<string>): AsyncGenerator<string> {
  let depth = 0;
  let inText = false;
  let escaped = false;
  let parts: string[] = [];
  for await (const chunk of chunks) {
    let from = 0;
    for (let index = 0; index < chunk.length; index += 1) {
      const character = chunk.charCodeAt(index);
      if (inText) {
        if (escaped) escaped = false;
        else if (character === 0x5c) escaped = true;
        else if (character === 0x22) inText = false;
        continue;
      }
      if (depth > 0 && character === 0x22) inText = true;
      else if (character === 0x7b) {
        if (depth === 0) from = index;
        depth += 1;
      } else if (character === 0x7d && depth > 0) {
        depth -= 1;
        if (depth > 0) continue;
        parts.push(chunk.slice(from, index + 1));
        yield parts.join('');
        parts = [];
      }
    }
    if (depth > 0) parts.push(chunk.slice(from));
  }
}
