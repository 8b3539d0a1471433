/** The text of a file that somebody chose, whatever it is encoded as; never one with characters lost on the way. */

/** @type {readonly [number[], string][]} */
const MARKS = [[[0xef, 0xbb, 0xbf], "utf-8"], [[0xff, 0xfe], "utf-16le"], [[0xfe, 0xff], "utf-16be"]];
const DECLARED = /^\s*<\?xml[^>]*\sencoding\s*=\s*["']([^"']+)["']/;
/** As much of a file as its declaration may take. */
const HEAD = 256;

/**
 * Rejects with an error that names the file and what to do.
 * @param {File} file
 */
export async function textOf(file) {
  return decoded(file.name, new Uint8Array(await file.arrayBuffer()));
}

/**
 * @param {string} name
 * @param {Uint8Array} bytes
 */
export function decoded(name, bytes) {
  const encoding = encodingOf(bytes);
  let decoder;
  try {
    decoder = new TextDecoder(encoding, { fatal: true });
  } catch {
    throw new Error(`${name} says that it is written in ${encoding}, which cannot be read here: save it as UTF-8.`);
  }
  try {
    return decoder.decode(bytes);
  } catch {
    const mend = "save it as UTF-8, or have its XML declaration name its encoding.";
    throw new Error(`${name} is no text in ${encoding.toUpperCase()}: ${mend}`);
  }
}

/** @param {Uint8Array} bytes */
function encodingOf(bytes) {
  const mark = MARKS.find(([begin]) => begin.every((one, at) => bytes[at] === one));
  if (mark) return mark[1];
  const said = DECLARED.exec(String.fromCharCode(...bytes.subarray(0, HEAD)))?.[1] ?? "utf-8";
  return /^utf-?16/i.test(said) ? "utf-8" : said; // who can read that it is UTF-16 sees that it is not
}
