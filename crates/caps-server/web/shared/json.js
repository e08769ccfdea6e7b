// JSON as its author wrote it. JSON.parse would round large numbers, write 1.50 as 1.5 and sort some keys.

/** The texts of the members of the object that `text` is. */
export function members(text) {
  const found = {};
  const pattern = /"(?:[^"\\]|\\.)*"|[[\]{}:,]/g;
  let depth = 0;
  let key = null;
  let start = 0;
  for (let token; (token = pattern.exec(text));) {
    const mark = token[0];
    const ends = depth === 1 && (mark === ',' || mark === '}');
    if (ends && key !== null) {
      found[key] = text.slice(start, token.index).trim();
      key = null;
    }
    if (mark === '{' || mark === '[') depth += 1;
    else if (mark === '}' || mark === ']') depth -= 1;
    else if (depth === 1 && mark[0] === '"' && key === null) key = JSON.parse(mark);
    else if (depth === 1 && mark === ':') start = pattern.lastIndex;
  }
  return found;
}

/** The same JSON with a line for each member. */
export function indented(text) {
  let depth = 0;
  const line = () => `\n${'  '.repeat(depth)}`;
  return text.replace(
    /("(?:[^"\\]|\\.)*")|\s+|([[{])\s*([\]}])?|[\]}]|,|:/g,
    (mark, string, open, close) => {
      if (string) return string;
      if (open && close) return open + close;
      if (open) {
        depth += 1;
        return open + line();
      }
      if (mark === ']' || mark === '}') {
        depth -= 1;
        return line() + mark;
      }
      if (mark === ',') return mark + line();
      return mark === ':' ? ': ' : '';
    },
  );
}
