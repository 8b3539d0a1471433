/** What a view reads from the API besides the live state: one document, or a list page by page. It knows no subject. */

/** @typedef {import("lit").ReactiveControllerHost} ReactiveControllerHost */

/**
 * A document: read when its element is connected, and again when told.
 * @template T
 */
export class Loading {
  /**
   * @param {ReactiveControllerHost} host
   * @param {(signal: AbortSignal) => Promise<T>} read
   */
  constructor(host, read) {
    this._host = host;
    this._read = read;
    /** @type {AbortController | null} */
    this._running = null;
    /** The newest; null: not read yet. @type {T | null} */
    this.document = null;
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
  }

  /** Read it anew; what is there stays until then. */
  async again() {
    this._running?.abort();
    const running = new AbortController();
    this._running = running;
    this.busy = true;
    this._host.requestUpdate();
    try {
      const document = await this._read(running.signal);
      if (running.signal.aborted) return;
      this.document = document;
      this.error = null;
    } catch (error) {
      if (running.signal.aborted) return;
      this.error = error;
    }
    this.busy = false;
    this._host.requestUpdate();
  }
}

/**
 * A list that comes in pages, the newest first.
 * @template T
 */
export class Pages {
  /**
   * @param {ReactiveControllerHost} host
   * @param {(cursor: string | null, signal: AbortSignal) => Promise<{items: T[], next: string | null}>} read
   */
  constructor(host, read) {
    this._host = host;
    this._read = read;
    /** @type {AbortController | null} */
    this._running = null;
    /** @type {T[]} */
    this.items = [];
    /** Where the next page begins; null: there is none. @type {string | null} */
    this.next = null;
    /** @type {unknown} */
    this.error = null;
    this.busy = false;
    /** Whether the first page has come. */
    this.read = false;
    host.addController(this);
  }

  hostConnected() {
    void this.again();
  }

  hostDisconnected() {
    this._running?.abort();
    this._running = null;
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
  async _page(cursor) {
    this._running?.abort();
    const running = new AbortController();
    this._running = running;
    this.busy = true;
    this._host.requestUpdate();
    try {
      const page = await this._read(cursor, running.signal);
      if (running.signal.aborted) return;
      this.items = cursor === null ? page.items : [...this.items, ...page.items];
      this.next = page.next ?? null;
      this.error = null;
      this.read = true;
    } catch (error) {
      if (running.signal.aborted) return;
      this.error = error;
    }
    this.busy = false;
    this._host.requestUpdate();
  }
}
