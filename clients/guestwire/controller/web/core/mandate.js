/**
 * What the text of a mandate allows, read from the very bytes that are signed: what is said beside them does not
 * count. Also whose request a fingerprint in it is, as far as that can be found out here.
 */

import { fromBase64, hex } from "./hex.js";
import { pack, unpack } from "./msgpack.js";
import { Problem } from "./problem.js";

/**
 * @typedef {{id: string, site: string, holder: string, operations: string[], hosts: string[], risk: number,
 *   not_before: number, not_after: number, uses: number, bodies: string[], plans: string[], note: string}} Allowed
 */
/** @typedef {{bytes: Uint8Array<ArrayBuffer>, allows: Allowed}} Text */

const MOST_BYTES = 8192;
const FALSE = "What is to be signed is no mandate: nothing was signed.";

/** Types of the fields. @type {Record<keyof Allowed, (value: any) => boolean>} */
const FIELDS = {
  id: (value) => value instanceof Uint8Array && value.length === 16,
  site: isText, holder: isText, note: isText,
  operations: (value) => areAll(value, isText), hosts: (value) => areAll(value, isText),
    plans: (value) => areAll(value, isText),
  bodies: (value) => areAll(value, (one) => one instanceof Uint8Array && one.length === 32),
  risk: isNumber, not_before: isNumber, not_after: isNumber, uses: isNumber,
};

/** @param {any} value */
function isText(value) {
  return typeof value === "string";
}

/** @param {any} value */
function isNumber(value) {
  return Number.isSafeInteger(value) && value >= 0;
}

/**
 * @param {any} value
 * @param {(one: any) => boolean} is
 */
function areAll(value, is) {
  return Array.isArray(value) && value.every(is);
}

/**
 * The exact bytes of a text to sign, and what they allow. A text with a field more, or one less, is none that can be
 * shown whole.
 * @param {string} text base64
 * @returns {Text} Raises Problem APPROVAL-FALSE.
 */
export function read(text) {
  let bytes;
  let value;
  try {
    bytes = fromBase64(text);
    value = bytes.length <= MOST_BYTES ? unpack(bytes) : null;
  } catch {
    throw new Problem("APPROVAL-FALSE", FALSE);
  }
  const names = Object.keys(FIELDS);
  const whole = value && names.every((name) => FIELDS[/** @type {keyof Allowed} */ (name)](value[name]));
  if (!whole || Object.keys(value).length !== names.length) throw new Problem("APPROVAL-FALSE", FALSE);
  return { bytes, allows: { ...value, id: hex(value.id), bodies: value.bodies.map(hex) } };
}

/**
 * Requests that are known but for the guest: operation → body.
 * @type {Record<string, (guest: string) => Record<string, any>>}
 */
const OF_GUESTS = {
  "guest-destroy": (guest) => ({ guest }),
  "guest-reset": (guest) => ({ guest }),
  "guest-pause": (guest) => ({ guest }),
  "guest-undefine": (guest) => ({ guest }),
  "guest-shutdown": (guest) => ({ guest, mode: "default", within_s: 90, again_s: 5 }),
};

/** Requests that are one of a few. @type {Record<string, {says: string, body: Record<string, any>}[]>} */
const OF_HOSTS = {
  "host-reboot": [
    { says: "refused while guests run", body: { force: false } }, { says: "though guests run", body: { force: true } },
  ],
  "host-poweroff": [
    { says: "refused while guests run", body: { force: false } }, { says: "though guests run", body: { force: true } },
  ],
  "comm-stop": [
    { says: "refused while guests are attached", body: { force: false } },
    { says: "though guests are attached", body: { force: true } },
  ],
  "comm-restart": [
    { says: "refused while guests are attached", body: { force: false } },
    { says: "though guests are attached", body: { force: true } },
  ],
  "guests-shutdown": [
    { says: "all that run, at once", body: { guests: [], serial: false, force: false, within_s: 90 } },
    { says: "all that run, one after the other", body: { guests: [], serial: true, force: false, within_s: 90 } },
    { says: "all that run, with force", body: { guests: [], serial: false, force: true, within_s: 90 } },
  ],
};

/**
 * What a fingerprint of a request stands for: found by making the requests that it could be. "" when it is none of
 * them.
 * @param {string} operation
 * @param {string} fingerprint hexadecimal SHA-256
 * @param {readonly string[]} guests names and identifiers of the guests of the hosts
 * @returns {Promise<string>}
 */
export async function meaning(operation, fingerprint, guests) {
  const make = OF_GUESTS[operation];
  const candidates = make
    ? guests.map((guest) => ({ says: `guest ${guest}`, body: make(guest) }))
    : OF_HOSTS[operation] ?? [];
  for (const { says, body } of candidates) {
    if (await fingerprintOf(body) === fingerprint) return says;
  }
  return "";
}

/**
 * @param {Record<string, any>} body
 * @returns {Promise<string>}
 */
export async function fingerprintOf(body) {
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", pack(body))));
}
