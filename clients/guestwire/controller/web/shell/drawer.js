/**
 * The right side: in Config mode what is pending in the host's draft, what it comes to and what the rules say; in Run
 * mode what needs somebody's attention there.
 */

import { html, nothing } from "lit";
import { ago } from "../core/format.js";
import { Part } from "../parts/part.js";
import { pill } from "../parts/status.js";
import { attention } from "../views/sync/attention.js";
import "../views/sync/conflict.js";
import { DRAFT_STATES } from "../core/plan.js";
import { focusField } from "../views/sync/field_focus.js";
import { checks, impactBox, pendingChanges } from "../views/sync/pending.js";
import { Presence } from "../views/sync/presence.js";

/** @typedef {import("../core/drafts.js").Draft} Draft */

const PRESENT_MS = 30_000;

export class Drawer extends Part {
  static properties = { ...Part.properties, host: {}, _editors: { state: true }, _busy: { state: true } };

  constructor() {
    super();
    /** "site/host"; empty: no host is shown */
    this.host = "";
    /** @type {import("../views/sync/presence.js").Editor[]} */
    this._editors = [];
    this._busy = false;
    /** @type {() => void} */
    this._leave = () => {};
    /** @type {Presence | null} */
    this._presence = null;
    this._shown = "";
    this.follow("host", "alarm", "job", "approval");
  }

  connectedCallback() {
    super.connectedCallback();
    const { router } = this.services;
    this.watch(router);
    const arrived = () => this._arrived();
    router.addEventListener("change", arrived);
    this.until(() => router.removeEventListener("change", arrived));
    const key = (/** @type {KeyboardEvent} */ event) => this._key(event);
    document.addEventListener("keydown", key);
    this.until(() => document.removeEventListener("keydown", key));
    this.every(PRESENT_MS, (signal) => this._present(signal));
    this._enter();
    this._arrived();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this._leave();
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("host") && this.isConnected) this._enter();
  }

  /** Follow the host that is shown now, and no other. */
  _enter() {
    this._leave();
    this._leave = () => {};
    this._editors = [];
    if (!this.host) return;
    const several = [this.services.drafts.of(this.host), this.services.hosts.of(this.host)];
    this._presence = new Presence(this.services.api, this.host);
    const draft = this.services.drafts.of(this.host);
    let revision = 0;
    const show = () => {
      this.requestUpdate();
      if (draft.revision === revision || draft.saving) return;
      revision = draft.revision;
      void this._present().catch(() => null);
    };
    for (const one of several) one.addEventListener("change", show);
    this._leave = () => several.forEach((one) => one.removeEventListener("change", show));
  }

  /** A page came: show its field, and tell where one is. */
  _arrived() {
    const { router } = this.services;
    const field = router.query.get("field") ?? "";
    const shown = `${router.path} ${field}`;
    if (field && shown !== this._shown) this.until(focusField(field));
    this._shown = shown;
    void this._present().catch(() => null);
  }

  /** @param {AbortSignal} [signal] */
  async _present(signal) {
    const { router, drafts, session } = this.services;
    if (router.mode !== "config" || !this.host || !this._presence) return;
    const draft = drafts.of(this.host);
    if (!draft.document || !session.may("draft-edit", this.host)) return;
    const presence = this._presence;
    await presence.tell(draft.revision, router.path, signal);
    const others = await presence.others(signal);
    if (presence === this._presence) this._editors = others;
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    const inField = event.target instanceof Element
      && event.target.closest("input, textarea, select, [contenteditable], .xterm");
    if (!(event.ctrlKey || event.metaKey) || inField || this.services.router.mode !== "config" || !this.host) return;
    const draft = this.services.drafts.of(this.host);
    const name = event.key.toLowerCase();
    if (name === "z" && !event.shiftKey && draft.canUndo) draft.undo();
    else if ((name === "y" || (name === "z" && event.shiftKey)) && draft.canRedo) draft.redo();
    else return;
    event.preventDefault();
  }

  render() {
    if (!this.host) return html`<p
      class="muted sync-drawer-none">Choose a host: its pending changes are shown here.</p>`;
    if (this.services.router.mode !== "config") return attention(this.services, this.host);
    const draft = this.services.drafts.of(this.host);
    return html`<div class="sync-drawer">
      <header class="sync-drawer-head"><h2>Pending changes</h2>${draft.document
        ? html`<span class="chip">draft of ${draft.author}</span>` : nothing}</header>
      ${this._people()}
      ${draft.problem ? html`<p class="issue e" role="alert"><span
        aria-hidden="true">✕</span> ${draft.problem.message}</p>` : nothing}
      <gw-draft-conflict .services=${this.services} .host=${this.host} .conflict=${draft.conflict}></gw-draft-conflict>
      ${draft.document ? this._draft(draft) : this._none(draft)}
    </div>`;
  }

  _people() {
    if (!this._editors.length) return nothing;
    const now = Date.now();
    return html`<p class="sync-people" role="status">${pill("info", "●", "also here")}
      ${this._editors.map((one, n) => html`${n ? ", " : ""}${one.name} (${ago(one.at, now)})`)}</p>`;
  }

  /** @param {Draft} draft */
  _none(draft) {
    if (!draft.loaded) return html`<p class="muted" aria-busy="true">Reading the draft …</p>`;
    return html`<p>There is no draft of this host. Change anything: it begins with what the host has.</p>`;
  }

  /** @param {Draft} draft */
  _draft(draft) {
    const { services, host } = this;
    const some = draft.items.length > 0;
    const may = services.session.may("draft-edit", host);
    return html`
      ${some ? pendingChanges(services, host, draft) : html`<p>${DRAFT_STATES[draft.state] ?? ""}</p>`}
      <div class="row"><span class="muted fill" role="status" aria-live="polite">${draft.saving ? "Saving …" : some
        ? "Saved, not applied." : ""}</span>
        <button type="button" class="button quiet" ?disabled=${!draft.canUndo} aria-keyshortcuts="Control+Z"
          @click=${() => draft.undo()}>Undo</button>
        <button type="button" class="button quiet" ?disabled=${!draft.canRedo} aria-keyshortcuts="Control+Y"
          @click=${() => draft.redo()}>Redo</button></div>
      ${this._behind(draft)}
      ${some ? impactBox(services, host, draft.items) : nothing}
      <div class="row sync-actions">
        ${some ? html`<a class="button primary" href=${services.router.hostHref(host, "/sync")}>Review and apply…</a>`
          : nothing}
        <button type="button" class="button" ?disabled=${!may || this._busy}
          @click=${() => this._discard(draft)}>Discard</button>
      </div>
      <h2>Checks</h2>
      ${checks(services, host, { issues: draft.issues, not_checked: draft.notChecked })}`;
  }

  /** @param {Draft} draft */
  _behind(draft) {
    if (draft.state !== "behind" && draft.state !== "diverged") return nothing;
    const [how, label] = draft.state === "behind"
      ? /** @type {const} */ (["replace", "Take what the host has"])
        : /** @type {const} */ (["merge", "Put both together"]);
    return html`<div class="issue w"><span aria-hidden="true">▲</span> ${DRAFT_STATES[draft.state]}
      <button type="button" class="button" ?disabled=${this._busy}
        @click=${() => this._pull(draft, how)}>${label}</button></div>`;
  }

  /**
   * @param {Draft} draft
   * @param {"replace" | "merge"} how
   */
  async _pull(draft, how) {
    const { say, dialogs } = this.services;
    this._busy = true;
    try {
      await draft.pull({ how });
      say.done("The draft is one of the host's newest revision now.");
    } catch (error) {
      const places = /** @type {any} */ (error).about?.conflicts;
      if (!places?.length) say.problem(error);
      else await this._prefer(draft, places, dialogs);
    } finally {
      this._busy = false;
    }
  }

  /**
   * @param {Draft} draft
   * @param {{path: string}[]} places
   * @param {import("../parts/dialogs.js").Dialogs} dialogs
   */
  async _prefer(draft, places, dialogs) {
    const prefer = await dialogs.open((close) => html`
      <div class="dialog-body"><p>The host and the draft have both changed:</p>
        <ul>${places.map((one) => html`<li class="mono">${one.path}</li>`)}</ul></div>
      <footer><button type="button" class="button" @click=${() => close()}>Cancel</button>
        <button type="button" class="button" @click=${() => close("theirs")}>What the host has</button>
        <button type="button" class="button primary"
          @click=${() => close("mine")}>What the draft says</button></footer>`,
      { title: "Whose word counts?" });
    if (prefer) await draft.pull({ how: "merge", prefer }).catch((error) => this.services.say.problem(error));
  }

  /** @param {Draft} draft */
  async _discard(draft) {
    const { dialogs, say, router } = this.services;
    const { revision } = draft;
    const some = draft.items.length > 0;
    if (some && !(await dialogs.confirm({
      title: "Discard the draft",
      text: html`<p>All ${draft.items.length} pending changes of ${this.host} are taken away, for everybody who edits
        it.
        The host stays as it is. The draft's history is kept: it can be restored on
        <a href=${router.hostHref(this.host, "/history", { show: "draft" })}>its History page</a>.</p>`,
      action: "Discard", danger: true,
    }))) return;
    this._busy = true;
    try {
      await draft.discard(revision);
      say.done("The draft is discarded.");
    } catch (error) {
      say.problem(error);
    } finally {
      this._busy = false;
    }
  }
}
customElements.define("gw-drawer", Drawer);
