/** Where one is: the address bar says it whole. Emits "change". Config mode is part of the address and stays while one goes on. */

import { match } from "./routes.js";

/** @typedef {Record<string, string | number | boolean | null | undefined>} Words */

/** What stays in the query from page to page. */
const LASTING = ["mode", "dock"];

export class Router extends EventTarget {
  /** @param {Window} window */
  constructor(window) {
    super();
    this._window = window;
    /** @type {import("./routes.js").Route | null} */
    this.route = null;
    /** @type {Record<string, string>} */
    this.params = {};
    this.path = "/";
    this.query = new URLSearchParams();
  }

  /** Follow the address bar and the links of the page from now on. */
  begin() {
    this._window.addEventListener("popstate", () => this._read());
    this._window.document.addEventListener("click", (event) => this._click(event));
    this._read();
  }

  /** @returns {"config" | "run"} */
  get mode() {
    return this.query.get("mode") === "config" ? "config" : "run";
  }

  /** The host that the page is about, as "site/host"; empty: about none. */
  get host() {
    return this.params.site && this.params.host ? `${this.params.site}/${this.params.host}` : "";
  }

  /**
   * The address of a page, with what stays from page to page.
   * @param {string} path it may have words of its own behind a "?"
   * @param {Words} [query]
   */
  href(path, query = {}) {
    const words = new URLSearchParams();
    for (const name of LASTING) {
      const value = this.query.get(name);
      if (value !== null && !(name in query)) words.set(name, value);
    }
    const [place, own = ""] = path.split("?");
    for (const [name, value] of new URLSearchParams(own)) words.set(name, value);
    change(words, query);
    const text = words.toString();
    return place + (text ? `?${text}` : "");
  }

  /**
   * The path of a host's page.
   * @param {string} host "site/host"
   * @param {string} [end] "/cpu"
   * @param {Words} [query]
   */
  hostHref(host, end = "", query = {}) {
    return this.href(`/hosts/${host}${end}`, query);
  }

  /**
   * The path of a guest's page.
   * @param {string} host "site/host"
   * @param {string} guest its name
   * @param {string} [end]
   * @param {Words} [query]
   */
  guestHref(host, guest, end = "", query = {}) {
    return this.href(`/hosts/${host}/guests/${encodeURIComponent(guest)}${end}`, query);
  }

  /**
   * To another page: a new entry of the history.
   * @param {string} path
   * @param {Words} [query]
   */
  go(path, query = {}) {
    this.follow(this.href(path, query));
  }

  /**
   * To an address of this application.
   * @param {string} address path and query
   */
  follow(address) {
    this._window.history.pushState(null, "", address);
    this._read();
  }

  /**
   * Other words in the query of this page, without a new entry of the history. null takes one away.
   * @param {Words} query
   */
  set(query) {
    const words = new URLSearchParams(this.query);
    change(words, query);
    const text = words.toString();
    this._window.history.replaceState(null, "", this.path + (text ? `?${text}` : ""));
    this._read();
  }

  _read() {
    const { pathname, search } = this._window.location;
    const found = match(pathname);
    this.path = pathname;
    this.query = new URLSearchParams(search);
    this.route = found?.route ?? null;
    this.params = found?.params ?? {};
    this.dispatchEvent(new Event("change"));
  }

  /** @param {MouseEvent} event */
  _click(event) {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const target = event.target instanceof Element ? event.target.closest("a[href]") : null;
    if (!(target instanceof HTMLAnchorElement) || target.target || target.hasAttribute("download")) return;
    const address = new URL(target.href);
    if (address.origin !== this._window.location.origin || !match(address.pathname)) return;
    if (address.hash && address.pathname === this.path) return;
    event.preventDefault();
    this.follow(address.pathname + address.search + address.hash);
  }
}

/**
 * @param {URLSearchParams} words
 * @param {Words} query
 */
function change(words, query) {
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === "" || value === false) words.delete(name);
    else words.set(name, value === true ? "1" : String(value));
  }
}
