/**
 * What a host was: its revisions and what differs between any two, what was changed there behind our back, and the
 * edits of its draft.
 */

import { html } from "lit";
import { Part } from "../../parts/part.js";
import { tabs } from "../../parts/tabs.js";
import "./draft_history.js";
import "./drift.js";
import "./revisions.js";

/** @type {readonly {show: string, label: string}[]} */
const PAGES = [{ show: "revisions", label: "Revisions" }, { show: "drift", label: "Drift" },
  { show: "draft", label: "Edits of the draft" }];

export class HostHistory extends Part {
  render() {
    const { services, query } = this;
    const host = `${this.params.site}/${this.params.host}`;
    const show = query.get("show") ?? "revisions";
    return html`<div class="stack">
      ${tabs(PAGES.map((page) => ({ label: page.label, current: page.show === show,
        href: services.router.hostHref(host, "/history", { show: page.show === "revisions" ? null : page.show }) })),
          "History")}
      ${show === "drift" ? html`<gw-host-drift .services=${services} .host=${host}></gw-host-drift>`
        : show === "draft" ? html`<gw-draft-history .services=${services} .host=${host}
          .query=${query}></gw-draft-history>`
          : html`<gw-revisions .services=${services} .host=${host} .query=${query}></gw-revisions>`}
    </div>`;
  }
}
customElements.define("gw-host-history", HostHistory);
