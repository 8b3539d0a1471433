/**
 * The key that a person signs with in this browser: Ed25519, made here, its private half never readable by anybody,
 * this page included. The bytes that are signed are those of `protocol.signing` and `protocol.user_keys`.
 */

import { line } from "./command_line.js";
import { hex, base64, fromHex, joined } from "./hex.js";
import { Problem } from "./problem.js";

/** @typedef {import("../types/api.js").components["schemas"]["KeyShown"]} KeyShown */
/** @typedef {{id: string, public_key: string, private_key: CryptoKey, made_at: number, label: string}} OwnKey */

/** What is signed; the prefix keeps a signature over one kind of document from being used for another. */
export const DOMAIN = { mandate: "guestwire mandate 1\0", user_key: "guestwire user key 1\0" };

/** The header of every Ed25519 public key in SubjectPublicKeyInfo (RFC 8410). */
const SPKI = "302a300506032b6570032100";
const STORE = "keys";
const NEW = "next:";

export class Keys {
  /**
   * @param {import("./api.js").Api} api
   * @param {IDBFactory | undefined} storage where keys are kept; undefined: nowhere
   * @param {Crypto} crypto
   * @param {string} [name] of the database
   */
  constructor(api, storage, crypto, name = "guestwire") {
    this._api = api;
    this._storage = storage;
    this._crypto = crypto;
    this._name = name;
    /** @type {Promise<IDBDatabase> | null} */
    this._open = null;
  }

  /**
   * Why this browser cannot sign; "": it can.
   * @returns {Promise<string>}
   */
  async lacks() {
    if (!this._crypto.subtle) return "This page came over plain HTTP: browsers sign only over HTTPS.";
    if (!this._storage) return "This browser keeps nothing, so that it cannot keep a key.";
    try {
      await this._crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
      return "";
    } catch {
      return "This browser knows no Ed25519 signatures.";
    }
  }

  /**
   * The key that this browser has of a person; null: none.
   * @param {string} person their id at the controller
   * @returns {Promise<OwnKey | null>}
   */
  async of(person) {
    return /** @type {OwnKey | null} */ ((await this._asked("readonly", (store) => store.get(person))) ?? null);
  }

  /**
   * The key that this browser has of a person, where it is one of those that the controller knows. One whose enrolment was
   * done, though its answer was lost, is found again.
   * @param {string} person
   * @param {readonly string[]} ids of the keys that the controller knows as theirs
   * @returns {Promise<OwnKey | null>}
   */
  async among(person, ids) {
    for (const place of [person, NEW + person]) {
      const key = await this.of(place);
      if (!key || !ids.includes(key.id)) continue;
      if (place !== person) await this._asked("readwrite", (store) => store.put(key, person));
      return key;
    }
    return null;
  }

  /**
   * Make a key and have the controller know it as that person's. The one before, if there was one, is used no more.
   * Rejects with Problem.
   * @param {{id: string, name: string}} person
   * @param {string} label what they call it
   * @returns {Promise<KeyShown>}
   */
  async enrol(person, label) {
    const made = await this._made(label);
    // it is kept before the controller knows it: one that the controller knows and nobody has would be of no use
    await this._asked("readwrite", (store) => store.put(made, NEW + person.id));
    const { challenge } = (await this._api.send("POST", "/keys/challenges", { key: "" })).document;
    const proof = joined(fromHex(challenge), new TextEncoder().encode(person.name));
    const signature = await this._signed(made.private_key, DOMAIN.user_key, proof);
    const body = { public_key: made.public_key, challenge, signature: hex(signature), label };
    const { document } = await this._api.send("POST", "/keys", { body, key: "" });
    await this._asked("readwrite", (store) => store.put(made, person.id));
    await this._asked("readwrite", (store) => store.delete(NEW + person.id));
    return document;
  }

  /**
   * Sign the exact bytes of a mandate. Rejects with Problem where this browser has no key of that person.
   * @param {string} person
   * @param {Uint8Array<ArrayBuffer>} bytes
   * @returns {Promise<string>} hexadecimal
   */
  async sign(person, bytes) {
    const key = await this.of(person);
    if (!key) throw new Problem("KEY-NOT-YOURS", "This browser has no key of yours.");
    return hex(await this._signed(key.private_key, DOMAIN.mandate, bytes));
  }

  /**
   * Let go of the key that this browser has of a person. The controller goes on to know it until it is revoked.
   * @param {string} person
   */
  async forget(person) {
    await this._asked("readwrite", (store) => store.delete(person));
  }

  /**
   * @param {CryptoKey} key
   * @param {string} domain
   * @param {Uint8Array} bytes
   */
  async _signed(key, domain, bytes) {
    const whole = joined(new TextEncoder().encode(domain), bytes);
    return new Uint8Array(await this._crypto.subtle.sign("Ed25519", key, whole));
  }

  /**
   * @param {string} label
   * @returns {Promise<OwnKey>}
   */
  async _made(label) {
    const pair = /** @type {CryptoKeyPair} */ (await this._crypto.subtle.generateKey("Ed25519", false,
      ["sign", "verify"]));
    const raw = new Uint8Array(await this._crypto.subtle.exportKey("raw", pair.publicKey));
    const digest = new Uint8Array(await this._crypto.subtle.digest("SHA-256", raw));
    return {
      id: hex(digest.slice(0, 8)), public_key: hex(raw), private_key: pair.privateKey, made_at: Date.now(), label,
    };
  }

  /**
   * @template T
   * @param {IDBTransactionMode} mode
   * @param {(store: IDBObjectStore) => IDBRequest<T>} ask
   * @returns {Promise<T>}
   */
  async _asked(mode, ask) {
    this._open ??= opened(this._storage, this._name);
    const transaction = (await this._open).transaction(STORE, mode);
    const request = ask(transaction.objectStore(STORE));
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error ?? request.error);
    });
  }
}

/**
 * @param {IDBFactory | undefined} storage
 * @param {string} name
 * @returns {Promise<IDBDatabase>}
 */
function opened(storage, name) {
  return new Promise((resolve, reject) => {
    if (!storage) {
      reject(new Problem("KEY-NOT-KEPT", "This browser keeps nothing, so that it cannot keep a key."));
      return;
    }
    const request = storage.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * A public key as a PEM file, which `guestwire site signer` takes.
 * @param {string} public_key 64 hexadecimal digits
 */
export function pem(public_key) {
  return `-----BEGIN PUBLIC KEY-----\n${base64(fromHex(SPKI + public_key))}\n-----END PUBLIC KEY-----\n`;
}

/**
 * The lines for whoever holds the site's root: the key is drafted, and counts once the root has signed.
 * @param {string} person
 * @param {string} file the file with the public key
 * @param {boolean} more whether the site knows another key of that person already
 */
export function trustLines(person, file, more) {
  const add = more
    ? line`guestwire site signer rotate SITE_DIRECTORY operator:${person} --key-file ${file}`
    : line`guestwire site signer add SITE_DIRECTORY operator:${person} --key-file ${file}`;
  return [add, "guestwire site trust publish SITE_DIRECTORY"];
}
