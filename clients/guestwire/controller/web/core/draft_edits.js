/** Edits of a draft that are not stored yet, in their order, and how what was edited is undone. No requests. */

import { concrete, undoing } from "./edit_paths.js";

/** @typedef {import("./edit_paths.js").Edit} Edit */

/**
 * What others changed since, and where both changed the same. `mine`: one's own edits, which are not stored.
 * @typedef {{mine: Edit[], theirs: {author: string, revision: number, since: any[], changes: any[],
 *   conflicts: {path: string, base: any, mine: any, theirs: any}[]}}} Conflict
 */

const MOST_UNDO = 100;
/** So many edits are sent at once. */
const MOST_SENT = 500;

export class DraftEdits {
  constructor() {
    /** What somebody did in one go each: stored together, or not at all. @type {Edit[][]} */
    this._acts = [];
    /** How many acts, from the first one on, are on their way. */
    this._sent = 0;
    /** So many are sent one by one: one of them was refused, and it is not known which. */
    this._careful = 0;
    /** @type {{back: Edit[], act: Edit[]}[]} */
    this._undo = [];
    /** @type {{back: Edit[], act: Edit[]}[]} */
    this._redo = [];
  }

  /** All of them, the first one first. */
  get all() {
    return this._acts.flat();
  }

  get some() {
    return this._acts.length > 0;
  }

  get canUndo() {
    return this._undo.length > 0;
  }

  get canRedo() {
    return this._redo.length > 0;
  }

  /**
   * Somebody edits.
   * @param {any} document as it was before
   * @param {Edit[]} edits
   */
  add(document, edits) {
    this._undo.push({ back: undoing(document, edits), act: edits });
    if (this._undo.length > MOST_UNDO) this._undo.shift();
    this._redo = [];
    for (let from = 0; from < edits.length; from += MOST_SENT) this._acts.push(edits.slice(from, from + MOST_SENT));
  }

  /**
   * Undo what was edited last.
   * @param {any} document as it is now
   * @returns {Edit[]} what was done for it
   */
  undo(document) {
    return this._back(document, this._undo, this._redo);
  }

  /**
   * Do again what was undone last.
   * @param {any} document as it is now
   * @returns {Edit[]} what was done for it
   */
  redo(document) {
    return this._back(document, this._redo, this._undo);
  }

  /**
   * @param {any} document
   * @param {{back: Edit[], act: Edit[]}[]} from
   * @param {{back: Edit[], act: Edit[]}[]} to
   */
  _back(document, from, to) {
    const step = from.pop();
    if (!step) return [];
    const act = concrete(document, step.back);
    to.push({ back: undoing(document, act), act });
    this._acts.push(act);
    return act;
  }

  /** Edits that are to be made before all others, each by itself. @param {Edit[]} edits */
  first(edits) {
    this._acts.unshift(...edits.map((edit) => [edit]));
  }

  /** What is sent next. */
  next() {
    let count = 0;
    let edits = this._acts[0].length;
    do {
      count += 1;
      edits += this._acts[count]?.length ?? MOST_SENT;
    } while (!this._careful && edits <= MOST_SENT);
    this._sent = count;
    return this._acts.slice(0, count).flat();
  }

  /** What was sent is stored. */
  stored() {
    this._acts.splice(0, this._sent);
    this._careful = Math.max(0, this._careful - this._sent);
    this._sent = 0;
  }

  /** What was sent is refused: the one act that it was is given up; several are sent one by one. Whether one was given up. */
  refused() {
    const several = this._sent;
    if (several > 1) {
      this._careful = several;
      return false;
    }
    this._careful = Math.max(0, this._careful - 1);
    const [act] = this._acts.splice(0, 1);
    for (const steps of [this._undo, this._redo]) {
      const place = steps.findIndex((step) => step.act[0] === act[0]);
      if (place >= 0) steps.splice(place, 1);
    }
    return true;
  }

  /** Take all of them out: somebody else decides what becomes of them. */
  taken() {
    this._careful = 0;
    this.forget();
    return this._acts.splice(0).flat();
  }

  /** What was edited cannot be undone any more: it is another document. */
  forget() {
    this._undo = [];
    this._redo = [];
  }
}
