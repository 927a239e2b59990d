// Go's tokens, as far as colours need them. A line is read on its own; what goes
// on over lines, comments and raw strings, is the state it begins in.

export const CODE = 0, COMMENT = 1, RAW = 2;

const words = new Set(("break case chan const continue default defer else fallthrough for func go goto if import interface map package " +
  "range return select struct switch type var").split(" "));
const types = new Set(("any bool byte comparable complex64 complex128 error float32 float64 int int8 int16 int32 int64 rune string uint uint8 " +
  "uint16 uint32 uint64 uintptr true false iota nil append cap clear close complex copy delete imag len make max min new panic print println " +
  "real recover").split(" "));

const marker = /^-- .*\S.* --\s*$/;
const token = new RegExp([
  "(\\/\\/.*)", // 1 a comment to the end
  "(\\/\\*)", // 2 one that begins
  "(`)", // 3 a raw string that begins
  "(\"(?:[^\"\\\\]|\\\\.)*\"?|'(?:[^'\\\\]|\\\\.)*'?)", // 4 a string or rune
  "(\\b\\d[\\w.]*)", // 5 a number
  "([\\p{L}_][\\p{L}\\p{N}_]*)", // 6 a name
  "([\\p{Cf}\\u00a0\\u2028\\u2029])", // 7 what is not seen
].join("|"), "gu");

// read returns the state at the end of a line, and calls put(text, kind) for
// each part of it in order: k a word, y a type or what is built in, s a string,
// n a number, c a comment, m a file's marker, o what is not seen, "" the rest.
export function read(line, state, put = () => {}) {
  if (marker.test(line)) {
    put(line, "m");
    return CODE;
  }
  let at = 0;
  const until = (end, kind) => {
    const i = line.indexOf(end, at);
    const to = i < 0 ? line.length : i + end.length;
    put(line.slice(at, to), kind);
    at = to;
    return i >= 0;
  };
  if (state === COMMENT && !until("*/", "c")) return COMMENT;
  if (state === RAW && !until("`", "s")) return RAW;
  token.lastIndex = at;
  for (let m; (m = token.exec(line)); token.lastIndex = at) {
    if (m.index > at) put(line.slice(at, m.index), "");
    at = m.index;
    if (m[2]) {
      put("/*", "c");
      at += 2;
      if (!until("*/", "c")) return COMMENT;
      continue;
    }
    if (m[3]) {
      put("`", "s");
      at += 1;
      if (!until("`", "s")) return RAW;
      continue;
    }
    put(m[0], m[1] ? "c" : m[4] ? "s" : m[5] ? "n" : m[7] ? "o" : words.has(m[0]) ? "k" : types.has(m[0]) ? "y" : "");
    at += m[0].length;
  }
  if (at < line.length) put(line.slice(at), "");
  return CODE;
}
