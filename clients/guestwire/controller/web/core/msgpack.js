/**
 * msgpack, strictly and only as far as mandates and requests need it: no extensions, no double keys, nothing behind
 * the end. Pure.
 */

import { joined } from "./hex.js";

const DEEPEST = 16;
const UTF8 = new TextDecoder("utf-8", { fatal: true });

/** @typedef {null | boolean | number | string | Uint8Array | readonly any[] | {[name: string]: any}} Value */

/**
 * The value in those bytes. Integers beyond 2^53 are refused.
 * @param {Uint8Array} bytes
 * @returns {any}
 */
export function unpack(bytes) {
  const reading = new Reading(bytes);
  const value = reading.value(DEEPEST);
  if (reading.at !== bytes.length) throw new RangeError("bytes behind the end");
  return value;
}

/** Sizes of length words by their first byte. @type {Record<number, [("bin" | "str" | "array" | "map"), number]>} */
const SIZED = {
  0xc4: ["bin", 1], 0xc5: ["bin", 2], 0xc6: ["bin", 4], 0xd9: ["str", 1], 0xda: ["str", 2], 0xdb: ["str", 4],
  0xdc: ["array", 2], 0xdd: ["array", 4], 0xde: ["map", 2], 0xdf: ["map", 4],
};
/** @type {Record<number, any>} */
const FIXED = { 0xc0: null, 0xc2: false, 0xc3: true };
/** Bytes of numbers by their first byte. @type {Record<number, [boolean, number]>} */
const NUMBERS = {
  0xcc: [false, 1], 0xcd: [false, 2], 0xce: [false, 4], 0xcf: [false, 8], 0xd0: [true, 1], 0xd1: [true, 2],
  0xd2: [true, 4], 0xd3: [true, 8],
};

class Reading {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this._bytes = bytes;
    this._view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
  }

  /**
   * @param {number} left how deep it may go on
   * @returns {any}
   */
  value(left) {
    if (left < 0) throw new RangeError("nested too deeply");
    const first = this._view.getUint8(this._take(1));
    if (first < 0x80) return first;
    if (first >= 0xe0) return first - 0x100;
    if (first < 0x90) return this._map(first & 0x0f, left);
    if (first < 0xa0) return this._array(first & 0x0f, left);
    if (first < 0xc0) return this._text(first & 0x1f);
    if (first in FIXED) return FIXED[first];
    if (first in NUMBERS) return this._number(...NUMBERS[first]);
    if (first === 0xca) return this._view.getFloat32(this._take(4));
    if (first === 0xcb) return this._view.getFloat64(this._take(8));
    const sized = SIZED[first];
    if (!sized) throw new RangeError(`first byte ${first}`);
    const count = Number(this._number(false, sized[1]));
    if (sized[0] === "bin") return this._some(count);
    if (sized[0] === "str") return this._text(count);
    return sized[0] === "array" ? this._array(count, left) : this._map(count, left);
  }

  /** @param {number} count */
  _take(count) {
    const at = this.at;
    if (at + count > this._bytes.length) throw new RangeError("it ends too early");
    this.at += count;
    return at;
  }

  /** @param {number} count */
  _some(count) {
    const at = this._take(count);
    return this._bytes.slice(at, at + count);
  }

  /** @param {number} count */
  _text(count) {
    return UTF8.decode(this._some(count));
  }

  /**
   * @param {boolean} signed
   * @param {number} size
   */
  _number(signed, size) {
    const at = this._take(size);
    let value = 0n;
    for (let n = 0; n < size; n += 1) value = (value << 8n) | BigInt(this._bytes[at + n]);
    if (signed) value = BigInt.asIntN(size * 8, value);
    const made = Number(value);
    if (!Number.isSafeInteger(made)) throw new RangeError("a number is too large");
    return made;
  }

  /**
   * @param {number} count
   * @param {number} left
   */
  _array(count, left) {
    const made = [];
    for (let n = 0; n < count; n += 1) made.push(this.value(left - 1));
    return made;
  }

  /**
   * @param {number} count
   * @param {number} left
   */
  _map(count, left) {
    /** @type {Map<string, any>} */
    const made = new Map();
    for (let n = 0; n < count; n += 1) {
      const name = this.value(0);
      if (typeof name !== "string" || made.has(name)) throw new RangeError("a map's key is no text, or there twice");
      made.set(name, this.value(left - 1));
    }
    return Object.fromEntries(made);
  }
}

/**
 * The bytes of a plain value, as the protocol's own packer makes them; floating-point numbers are not taken.
 * @param {Value} value
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function pack(value) {
  if (value === null) return Uint8Array.of(0xc0);
  if (typeof value === "boolean") return Uint8Array.of(value ? 0xc3 : 0xc2);
  if (typeof value === "number") return integer(value);
  if (typeof value === "string") {
    const text = new TextEncoder().encode(value);
    return joined(head(text.length, 0xa0, 32, [0xd9, 0xda, 0xdb]), text);
  }
  if (value instanceof Uint8Array) return joined(head(value.length, 0, 0, [0xc4, 0xc5, 0xc6]), value);
  if (Array.isArray(value)) return joined(head(value.length, 0x90, 16, [0, 0xdc, 0xdd]),
    ...value.map((one) => pack(one)));
  const entries = Object.entries(value);
  return joined(head(entries.length, 0x80, 16, [0, 0xde, 0xdf]),
    ...entries.flatMap(([name, one]) => [pack(name), pack(one)]));
}

/**
 * @param {number} count
 * @param {number} fixed the first byte of short ones
 * @param {number} below how short
 * @param {readonly number[]} sized first bytes for lengths of 1, 2 and 4 bytes; 0: there is none
 */
function head(count, fixed, below, sized) {
  if (count < below) return Uint8Array.of(fixed | count);
  if (sized[0] && count < 0x100) return Uint8Array.of(sized[0], count);
  if (count < 0x10000) return Uint8Array.of(sized[1], count >> 8, count & 0xff);
  return joined(Uint8Array.of(sized[2]), big(BigInt(count), 4));
}

/** @param {number} value */
function integer(value) {
  if (!Number.isSafeInteger(value)) throw new RangeError("not a whole number");
  if (value >= -32 && value < 0x80) return Uint8Array.of(value & 0xff);
  const [first, sizes] = value >= 0 ? [0xcc, [0x100, 0x10000, 0x100000000]] : [0xd0, [0x80, 0x8000, 0x80000000]];
  const reach = value >= 0 ? value : -value - 1;
  const at = sizes.findIndex((limit) => reach < limit);
  const step = at < 0 ? 3 : at;
  return joined(Uint8Array.of(first + step), big(BigInt.asUintN(8 << step, BigInt(value)), 1 << step));
}

/**
 * @param {bigint} value
 * @param {number} size
 */
function big(value, size) {
  return Uint8Array.from({ length: size }, (_, n) => Number((value >> BigInt(8 * (size - 1 - n))) & 0xffn));
}
