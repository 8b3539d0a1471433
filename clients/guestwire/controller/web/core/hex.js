/** Bytes as text, both ways. Pure. */

/** @param {Uint8Array} bytes */
export function hex(bytes) {
  return Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("");
}

/**
 * @param {string} text an even number of hexadecimal digits
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function fromHex(text) {
  if (text.length % 2 || !/^[0-9a-f]*$/i.test(text)) throw new RangeError("not hexadecimal");
  return Uint8Array.from({ length: text.length / 2 }, (_, n) => parseInt(text.slice(2 * n, 2 * n + 2), 16));
}

/**
 * @param {string} text
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function fromBase64(text) {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}

/** @param {Uint8Array} bytes */
export function base64(bytes) {
  return btoa(String.fromCharCode(...bytes));
}

/**
 * Several bytes as one.
 * @param {...Uint8Array} several
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function joined(...several) {
  const made = new Uint8Array(several.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of several) {
    made.set(one, at);
    at += one.length;
  }
  return made;
}
