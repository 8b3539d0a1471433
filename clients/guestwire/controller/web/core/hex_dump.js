/** Bytes as lines of a hex dump: an address, hexadecimal digits, what of it is text. Pure. */

const WIDTH = 16;

/**
 * @param {string} hex two digits a byte
 * @param {number} offset of the first byte
 * @returns {{at: string, hex: string, text: string}[]}
 */
export function dumpLines(hex, offset) {
  const lines = [];
  for (let from = 0; from < hex.length; from += 2 * WIDTH) {
    const some = hex.slice(from, from + 2 * WIDTH).match(/../g) ?? [];
    const halves = [some.slice(0, WIDTH / 2).join(" "), some.slice(WIDTH / 2).join(" ")];
    lines.push({
      at: (offset + from / 2).toString(16).padStart(8, "0"), hex: halves.filter(Boolean).join("  "),
      text: some.map((byte) => printable(parseInt(byte, 16))).join(""),
    });
  }
  return lines;
}

/** @param {number} byte */
function printable(byte) {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".";
}
