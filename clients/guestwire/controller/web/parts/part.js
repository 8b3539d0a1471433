/** What every element of ours is: light DOM, the services, and ends of everything it began. */

import { LitElement } from "lit";

const FOLLOW_MS = 250;

/** @typedef {import("../core/services.js").Services} Services */

export class Part extends LitElement {
  static properties = { services: { attribute: false }, params: { attribute: false }, query: { attribute: false } };

  constructor() {
    super();
    /** @type {Services} */
    this.services = /** @type {any} */ (undefined);
    /** @type {Record<string, string>} */
    this.params = {};
    /** @type {URLSearchParams} */
    this.query = new URLSearchParams();
    /** @type {string[]} */
    this._kinds = [];
    /** @type {(() => void)[]} */
    this._ends = [];
    this._soon = 0;
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    for (const kind of this._kinds) this.until(this.services.live.on(kind, () => this.soon()));
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this._soon);
    this._soon = 0;
    for (const end of this._ends.splice(0)) end();
  }

  /**
   * Show again whenever something of these kinds changes; call it in the constructor.
   * @param {...string} kinds
   */
  follow(...kinds) {
    this._kinds.push(...kinds);
  }

  /**
   * Show again when the target says "change", as long as this is on the page.
   * @param {EventTarget} target
   */
  watch(target) {
    const show = () => this.requestUpdate();
    target.addEventListener("change", show);
    this.until(() => target.removeEventListener("change", show));
  }

  /**
   * Called when this is taken off the page.
   * @param {() => void} end
   */
  until(end) {
    this._ends.push(end);
  }

  /** Show again within a quarter of a second: many changes are one. */
  soon() {
    this._soon ||= setTimeout(() => {
      this._soon = 0;
      this.requestUpdate();
    }, FOLLOW_MS);
  }

  /**
   * Do something now and again, while this is on the page and the page is seen; never twice at once.
   * @param {number} ms
   * @param {(signal: AbortSignal) => Promise<void> | void} work
   */
  every(ms, work) {
    const away = new AbortController();
    let timer = 0;
    const turn = async () => {
      if (!document.hidden) await Promise.resolve(work(away.signal)).catch(() => null);
      if (!away.signal.aborted) timer = setTimeout(turn, ms);
    };
    void turn();
    this.until(() => {
      away.abort();
      clearTimeout(timer);
    });
  }
}
