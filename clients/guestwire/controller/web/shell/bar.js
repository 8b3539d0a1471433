/** The bar at the top: name, where one is, search, mode, what waits to be synced, alarms, account. */

import { html, nothing } from "lit";
import { Part } from "../parts/part.js";
import { counted } from "../core/format.js";
import { MENU } from "../core/routes.js";
import { crumbs } from "./breadcrumb.js";
import "../parts/menu.js";

export class Bar extends Part {
  constructor() {
    super();
    this.follow("alarm", "draft", "approval");
    /** Whose draft is watched. */
    this._host = "";
  }

  connectedCallback() {
    super.connectedCallback();
    const { prefs, router, session } = this.services;
    for (const target of [prefs, router, session]) this.watch(target);
  }

  willUpdate() {
    const { router, drafts } = this.services;
    if (router.host && router.host !== this._host) {
      this._host = router.host;
      this.watch(drafts.of(router.host));
    }
  }

  render() {
    const { router } = this.services;
    const config = router.mode === "config";
    return html`<header class="bar">
      <a class="brand" href=${router.href("/", { mode: null })}>Guestwire</a>
      <nav class="crumbs" aria-label="Where you are"><ol>${crumbs(router).map((crumb, at, all) => html`
        <li><a href=${router.href(crumb.path)} aria-current=${at === all.length - 1 ? "page" : nothing}>${crumb.label}</a></li>`)}</ol></nav>
      <span class="fill"></span>
      <button type="button" class="search" @click=${() => this._palette()}><span>Search or run a command</span> <kbd>Ctrl K</kbd></button>
      <div class="modes" role="group" aria-label="Mode">
        <button type="button" aria-pressed=${config} @click=${() => router.set({ mode: "config" })}>Config</button>
        <button type="button" aria-pressed=${!config} @click=${() => router.set({ mode: null })}>Run</button></div>
      ${this._sync()}
      ${this._alarms()}
      ${this._account()}
    </header>
    <nav class="sections" aria-label="Main menu">${MENU.map((item) => html`
      <a href=${router.href(item.path, { mode: null })} aria-current=${router.route?.section === item.section ? "true" : nothing}>${item.label}</a>`)}</nav>`;
  }

  _palette() {
    document.dispatchEvent(new CustomEvent("gw-palette"));
  }

  _sync() {
    const { router, drafts, live } = this.services;
    if (router.host) {
      const draft = drafts.of(router.host);
      const count = draft.count;
      return html`<a class="button ${count ? "primary" : ""} sync" href=${router.hostHref(router.host, "/sync", { mode: "config" })}>
        Sync · ${draft.saving ? "saving" : count ? counted(count, "change") : "no changes"}</a>`;
    }
    const dirty = [...live.map("draft").values()].filter((draft) => draft.state === "dirty" || draft.state === "diverged");
    if (!dirty.length) return nothing;
    const href = dirty.length === 1 ? router.hostHref(`${dirty[0].site}/${dirty[0].host}`, "/sync", { mode: "config" }) : router.href("/projects");
    return html`<a class="button primary sync" href=${href}>Sync · ${counted(dirty.length, "host")}</a>`;
  }

  _alarms() {
    const { live, router } = this.services;
    const active = [...live.map("alarm").values()].filter((alarm) => alarm.state === "active").length;
    const open = [...live.map("approval").values()].filter((approval) => approval.state === "open").length;
    return html`<a class="button alarms ${active ? "err" : ""}" href=${router.href("/alarms", { mode: null })}>
        <span aria-hidden="true">▲</span> ${active}<span class="sr"> active alarms</span></a>
      ${open ? html`<a class="button" href=${router.href("/approvals", { mode: null })}>
        <span aria-hidden="true">✎</span> ${open}<span class="sr"> approvals wait</span></a>` : nothing}`;
  }

  _account() {
    const { session, router, prefs } = this.services;
    const theme = prefs.get("theme", "system");
    /** @param {string} name */
    const look = (name) => ({ label: `${theme === name ? "✓ " : ""}Theme: ${name}`, run: () => prefs.set("theme", name) });
    return html`<gw-menu .services=${this.services} .label=${session.me?.name ?? ""} .items=${[
      { label: "Your account", run: () => router.go("/account", { mode: null }) },
      look("light"), look("dark"), look("system"),
      { label: "Help", run: () => router.go("/help", { mode: null }) },
      { label: "Sign out", run: () => session.logOut() },
    ]}></gw-menu>`;
  }
}
customElements.define("gw-bar", Bar);
