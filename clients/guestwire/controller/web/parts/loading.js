/** What a view reads from the API besides the live state: one document, or a list page by page. It knows no subject. */

/** @typedef {import("lit").ReactiveControllerHost} ReactiveControllerHost */

/** A reading of its own for an element: begun when that is connected, taken back when it goes, and one at a time. */
class Reading {
  /** @param {ReactiveControllerHost} host */
  constructor(host) {
    this._host = host;
    /** @type {AbortController | null} */
    this._running = null;
    /** @type {Promise<void>} */
    this._newest = Promise.resolve();
    /** Why it could not be read the last time. @type {unknown} */
    this.error = null;
    this.busy = false;
    host.addController(this);
  }

  hostConnected() {
    void this.again();
  }

  hostDisconnected() {
    this._running?.abort();
    this._running = null;
    this._newest = Promise.resolve();
  }

  /** Read it anew; what is there stays until then. Ends with the newest reading, if that is another one by then. */
  async again() {}

  /**
   * @template R
   * @param {(signal: AbortSignal) => Promise<R>} read
   * @param {(found: R) => void} take
   * @returns {Promise<void>}
   */
  _one(read, take) {
    return (this._newest = this._reading(read, take));
  }

  /**
   * @template R
   * @param {(signal: AbortSignal) => Promise<R>} read
   * @param {(found: R) => void} take
   * @returns {Promise<void>}
   */
  async _reading(read, take) {
    this._running?.abort();
    const running = new AbortController();
    this._running = running;
    this.busy = true;
    this._host.requestUpdate();
    try {
      const found = await read(running.signal);
      if (running.signal.aborted) return this._newest;
      take(found);
      this.error = null;
    } catch (error) {
      if (running.signal.aborted) return this._newest;
      this.error = error;
    }
    this.busy = false;
    this._host.requestUpdate();
  }
}

/**
 * A document.
 * @template T
 */
export class Loading extends Reading {
  /**
   * @param {ReactiveControllerHost} host
   * @param {(signal: AbortSignal) => Promise<T>} read
   */
  constructor(host, read) {
    super(host);
    this._read = read;
    /** The newest; null: not read yet. @type {T | null} */
    this.document = null;
  }

  again() {
    return this._one(this._read, (document) => { this.document = document; });
  }
}

/**
 * A list that comes in pages, the newest first.
 * @template T
 */
export class Pages extends Reading {
  /**
   * @param {ReactiveControllerHost} host
   * @param {(cursor: string | null, signal: AbortSignal) => Promise<{items: T[], next: string | null}>} read
   */
  constructor(host, read) {
    super(host);
    this._read = read;
    /** @type {T[]} */
    this.items = [];
    /** Where the next page begins; null: there is none. @type {string | null} */
    this.next = null;
    /** Whether the first page has come. */
    this.read = false;
  }

  /** From the beginning. */
  again() {
    return this._page(null);
  }

  /** The page after those that are here. */
  async more() {
    if (this.next !== null && !this.busy) await this._page(this.next);
  }

  /** @param {string | null} cursor */
  _page(cursor) {
    return this._one((signal) => this._read(cursor, signal), (page) => {
      this.items = cursor === null ? page.items : [...this.items, ...page.items];
      this.next = page.next ?? null;
      this.read = true;
    });
  }
}
