/**
 * The documents inside the product: contents, search, one page. /help/shortcuts and /help/about are pages of the
 * dashboard's own.
 */

import { html, nothing } from "lit";
import { textField } from "../../parts/field.js";
import { Part } from "../../parts/part.js";
import { Loading } from "../../parts/loading.js";
import { trouble } from "../../parts/trouble.js";
import "./about.js";
import "./document_page.js";
import { search } from "./searching.js";
import { shortcutsPage } from "./shortcuts_page.js";

/** @typedef {import("./searching.js").Page} Page */

const FIRST = "index";
const SETTLE_MS = 300;

/** Pages that are no documents. @type {readonly {path: string, title: string}[]} */
const OWN = [{ path: "shortcuts", title: "Keyboard shortcuts" }, { path: "about", title: "About" }];

/**
 * What the server has below the documents' folder.
 * @param {string} base
 * @param {string} name
 * @param {AbortSignal} [signal]
 */
export async function readDocument(base, name, signal) {
  const response = await fetch(`${base}docs/${name}`, { signal });
  if (!response.ok) throw new Error(response.status === 404 ? "There is no such document."
    : `The document could not be read (${response.status}).`);
  return response;
}

export class Help extends Part {
  static properties = { ...Part.properties, texts: { state: true }, error: { state: true } };

  constructor() {
    super();
    /** What documents say, read when somebody first searches. @type {Record<string, string> | null} */
    this.texts = null;
    /** @type {unknown} */
    this.error = null;
    this._timer = 0;
    /** @type {Loading<{pages: Page[]}>} */
    this.index = new Loading(this, async (signal) => (await readDocument(this.services.base, "index.json",
      signal)).json());
  }

  get _page() {
    return this.params.page || FIRST;
  }

  connectedCallback() {
    super.connectedCallback();
    this.until(() => clearTimeout(this._timer));
    if (this.query.get("q")) void this._readTexts();
  }

  render() {
    const wanted = this.query.get("q") ?? "";
    const pages = this.index.document?.pages ?? [];
    return html`<div class="gw-help">
      <aside class="gw-help-side">
        <search>${textField({ id: "gw-help-q", label: "Search the help", type: "search", value: wanted,
          onInput: (text) => this._search(text) })}</search>
        ${trouble(this.index.error, () => void this.index.again())}
        ${this._contents(pages)}
      </aside>
      <article class="gw-help-page">${wanted ? this._found(pages, wanted) : this._shown(pages)}</article>
    </div>`;
  }

  /** @param {readonly Page[]} pages */
  _contents(pages) {
    const { router } = this.services;
    const sections = [...new Set(pages.map((one) => one.section))];
    const link = (/** @type {{path: string, title: string}} */ one) => html`<li><a
      href=${router.href(`/help/${one.path}`)}
      aria-current=${one.path === this._page ? "page" : nothing}>${one.title}</a></li>`;
    return html`<nav aria-label="Documents">
      ${sections.map((section) => {
        const mine = pages.filter((one) => one.section === section);
        return html`<details ?open=${section === sections[0] || mine.some((one) => one.path === this._page)}>
          <summary>${section}</summary><ul>${mine.map(link)}</ul></details>`;
      })}
      <details open><summary>This dashboard</summary><ul>${OWN.map(link)}</ul></details>
    </nav>`;
  }

  /** @param {readonly Page[]} pages */
  _shown(pages) {
    if (this._page === "shortcuts") return shortcutsPage();
    if (this._page === "about") return html`<gw-about .services=${this.services}></gw-about>`;
    if (!pages.length) return html`<h1>Help</h1>${this.index.error ? nothing : html`<p
      class="muted" aria-busy="true">Reading the contents …</p>`}`;
    const about = pages.find((one) => one.path === this._page) ?? null;
    if (!about) return html`<h1>No such page</h1><p role="alert">There is no document ${this._page}.</p>`;
    return html`<gw-document .services=${this.services} .path=${this._page} .about=${about}></gw-document>`;
  }

  /**
   * @param {readonly Page[]} pages
   * @param {string} wanted
   */
  _found(pages, wanted) {
    const { router } = this.services;
    if (this.error) return trouble(this.error, () => void this._readTexts());
    if (!this.texts) return html`<p class="muted">Reading the documents …</p>`;
    const found = search(pages, this.texts, wanted);
    return html`<h1>Search</h1>
      <p role="status">${found.length ? `${found.length} documents have “${wanted}”.`
        : `No document has “${wanted}”.`}</p>
      <ol class="gw-plain stack">${found.map((one) => html`<li>
        <a href=${router.href(`/help/${one.path}`)}>${one.title}</a> <span class="muted">${one.section}</span>
        <p class="muted">${one.excerpt}</p></li>`)}</ol>`;
  }

  /** @param {string} text */
  _search(text) {
    clearTimeout(this._timer);
    this._timer = setTimeout(() => {
      this.services.router.set({ q: text.trim() || null });
      if (text.trim()) void this._readTexts();
    }, SETTLE_MS);
  }

  async _readTexts() {
    if (this.texts) return;
    this.error = null;
    try {
      this.texts = await (await readDocument(this.services.base, "search.json")).json();
    } catch (error) {
      this.error = error;
    }
  }
}

customElements.define("gw-help", Help);
