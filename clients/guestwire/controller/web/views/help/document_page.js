/** One document, with what is in it at its side. */

import { html, nothing } from "lit";
import { Part } from "../../parts/part.js";
import { Loading } from "../../parts/loading.js";
import { trouble } from "../../parts/trouble.js";
import { fragmentOf } from "./fragment.js";

/** @typedef {import("./searching.js").Page} Page */

const DEEPEST = 3;

export class DocumentPage extends Part {
  static properties = { ...Part.properties, path: {}, about: { attribute: false } };

  constructor() {
    super();
    /** As "controller/api". */
    this.path = "";
    /** @type {Page | null} */
    this.about = null;
    this._shown = "";
    /** @type {Loading<{path: string, nodes: Node[]}>} */
    this.page = new Loading(this, async (signal) => {
      const { path } = this;
      const file = `${path.split("/").map(encodeURIComponent).join("/")}.html`;
      const response = await fetch(`${this.services.base}docs/${file}`,
        { signal });
      if (!response.ok) throw new Error(response.status === 404 ? `There is no document ${path}.`
        : "The document could not be read.");
      return { path, nodes: [...fragmentOf(await response.text()).childNodes] };
    });
  }

  connectedCallback() {
    super.connectedCallback();
    const go = () => this._toAnchor();
    window.addEventListener("hashchange", go);
    this.until(() => window.removeEventListener("hashchange", go));
  }

  /** @param {Map<string, unknown>} changed */
  updated(changed) {
    super.updated(changed);
    if (changed.get("path")) void this.page.again();
    const path = this.page.document?.path;
    if (path && path !== this._shown) {
      this._shown = path;
      this._toAnchor();
    }
  }

  render() {
    const page = this.page.document;
    const headings = (this.about?.headings ?? []).filter((one) => one.level <= DEEPEST);
    const here = location.pathname;
    return html`${trouble(this.page.error, () => void this.page.again())}
      ${page && !this.page.error ? html`<div class="gw-document">
        ${headings.length > 2 ? html`<nav class="gw-document-contents" aria-label="On this page"><h2>On this page</h2>
          <ul>${headings.map((one) => html`<li class="level-${one.level}"><a
            href="${here}${location.search}#${one.anchor}">${one.text}</a></li>`)}</ul></nav>` : nothing}
        <div class="gw-prose">${page.nodes}</div></div>`
        : this.page.error ? nothing : html`<p class="muted" aria-busy="true">Reading the document …</p>`}`;
  }

  /** To the place that the address names, or to the beginning. */
  _toAnchor() {
    const anchor = decodeURIComponent(location.hash.slice(1));
    const place = anchor ? this.querySelector(`[id="${CSS.escape(anchor)}"]`) : null;
    if (place) place.scrollIntoView({ block: "start" });
    else this.closest(".scrolls")?.scrollTo({ top: 0 });
  }
}

customElements.define("gw-document", DocumentPage);
