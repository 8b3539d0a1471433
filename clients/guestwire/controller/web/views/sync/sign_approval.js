/** The dialog in which something is allowed by a signature: what it is, with which key, and what came of it. */

import { html, nothing } from "lit";
import { cli } from "../../parts/cli.js";
import { Part } from "../../parts/part.js";
import "./allowed.js";
import "./my_keys.js";

/** @typedef {import("../../core/keys.js").KeyShown} KeyShown */

export class SignApproval extends Part {
  static properties = {
    ...Part.properties, approval: {}, close: { attribute: false }, _asked: { state: true }, _standing: { state: true },
      _problem: { state: true },
    _busy: { state: true },
  };

  constructor() {
    super();
    /** The id of the approval. */
    this.approval = "";
    /** @type {((signed?: boolean) => void) | null} null: this is no dialog */
    this.close = null;
    /** @type {import("../../core/signing.js").Asked | null} */
    this._asked = null;
    /** @type {{all: KeyShown[], own: KeyShown | null, lacks: string} | null} */
    this._standing = null;
    /** @type {Error | null} */
    this._problem = null;
    this._busy = false;
    this.follow("approval");
  }

  connectedCallback() {
    super.connectedCallback();
    void this._read();
    this.until(this.services.live.on("approval", (changes) => {
      if (!changes.length || changes.some((change) => change.key === this.approval)) void this._read();
    }));
  }

  async _read() {
    const { signing } = this.services;
    try {
      const [asked, standing] = await Promise.all([signing.asked(this.approval), signing.standing()]);
      [this._asked, this._standing, this._problem] = [asked, standing, null];
    } catch (error) {
      this._problem = /** @type {Error} */ (error);
    }
    this.dispatchEvent(new CustomEvent("read", { detail: this._asked }));
  }

  render() {
    const problem = this._problem
      ? html`<p class="issue e" role="alert"><span aria-hidden="true">✕</span> ${this._problem.message}</p>` : nothing;
    if (!this._asked) return html`<div class="dialog-body">${problem
      || html`<p aria-busy="true">Reading what is to be allowed …</p>`}</div>`;
    const open = this._asked.approval.state === "open";
    return html`<div class="dialog-body stack sync-sign">
        <gw-allowed-texts .services=${this.services} .asked=${this._asked}></gw-allowed-texts>
        ${open ? this._with()
          : html`<p role="status">It is ${this._asked.approval.state}${this._asked.approval.decided_by
            ? ` by ${this._asked.approval.decided_by}` : ""}: there is nothing left to sign.</p>`}
        ${problem}
      </div>
      ${this._actions(open)}`;
  }

  /** With which key. */
  _with() {
    const standing = this._standing;
    if (!standing) return nothing;
    if (standing.lacks) return this._elsewhere(standing.lacks);
    if (!standing.own) {
      return html`<section class="stack"><h3>This browser has no key of yours</h3>
        <p>What is allowed here is signed by a key that is made in this browser and never leaves it.</p>
        <gw-my-keys .services=${this.services} small @enrolled=${() => this._read()}></gw-my-keys>
        ${this._byHand()}</section>`;
    }
    if (this._signedByMe()) {
      return html`<p role="status"><span
        aria-hidden="true">✓</span> You have signed. It takes ${this._needed()} different signers:
        ${this._asked?.approval.signed_by?.join(", ")} so far.</p>`;
    }
    const sites = new Set(this._asked?.texts.map((text) => text.allows.site));
    const unknown = [...sites].filter((site) => !standing.own?.in_trust.some((one) => one.site === site));
    if (unknown.length) {
      return html`<section class="stack"><p class="issue w"><span
        aria-hidden="true">▲</span> ${unknown.join(", ")} does not know this browser's key yet:
        hosts there would not believe its signature.</p>
        <gw-my-keys .services=${this.services} small
          @trusted=${() => this._read()}></gw-my-keys>${this._byHand()}</section>`;
    }
    const as = standing.own.in_trust.filter((one) => sites.has(one.site)).map((one) => one.principal);
    return html`<p>You sign as <strong class="mono">${[...new Set(as)].join(", ")}</strong> with this browser's key
      <span class="mono">${standing.own.id}</span> (${standing.own.label}).</p>`;
  }

  _signedByMe() {
    const own = this._standing?.own;
    const several = this._asked?.approval.mandates ?? [];
    return Boolean(own && several.every((one) => one.signatures?.some((made) => made.key_id === own.id)));
  }

  _needed() {
    return Math.max(1, ...(this._asked?.approval.mandates ?? []).map((one) => one.needed));
  }

  /** @param {string} why */
  _elsewhere(why) {
    return html`<section class="stack"><p class="issue w"><span
      aria-hidden="true">▲</span> ${why}</p>${this._byHand()}</section>`;
  }

  _byHand() {
    return html`<p>Sign on the command line instead, with a key of yours that the site knows:</p>
      ${cli(this.services, `guestwire approval sign ${this.approval}`)}`;
  }

  /** @param {boolean} open */
  _actions(open) {
    const { session } = this.services;
    const standing = this._standing;
    const sites = new Set(this._asked?.texts.map((text) => text.allows.site));
    const known = standing?.own && [...sites].every((site) => standing.own?.in_trust.some((one) => one.site === site));
    const can = open && known && !this._signedByMe() && session.may("job-approve");
    return html`<footer class="row">
      ${this.close ? html`<button type="button" class="button" @click=${() => this.close?.()}>Not now</button>`
        : nothing}
      ${open ? html`<button type="button" class="button danger" ?disabled=${this._busy}
        @click=${this._reject}>Reject…</button>
        <button type="button" class="button primary" ?disabled=${!can || this._busy} @click=${this._sign}>${this._busy
          ? "Signing …" : "Sign and allow"}</button>` : nothing}
    </footer>`;
  }

  async _sign() {
    if (!this._asked) return;
    this._busy = true;
    this._problem = null;
    try {
      const approval = await this.services.signing.sign(this._asked);
      this.services.say.done(approval.state === "approved" ? "Signed: it is allowed."
        : "Signed: it waits for another signer.");
      if (this.close) this.close(true);
      else await this._read();
    } catch (error) {
      this._problem = /** @type {Error} */ (error);
    } finally {
      this._busy = false;
    }
  }

  async _reject() {
    const { api, say } = this.services;
    const reason = await askReason(this.services);
    if (reason === undefined) return;
    try {
      await api.send("POST", `/approvals/${this.approval}/reject`, { body: { reason } });
      say.done("Rejected: what waited for it ends.");
      if (this.close) this.close(false);
      else await this._read();
    } catch (error) {
      say.problem(error);
    }
  }
}
customElements.define("gw-sign-approval", SignApproval);

/**
 * Why it is not to be done; undefined: never mind.
 * @param {import("../../core/services.js").Services} services
 * @returns {Promise<string | undefined>}
 */
function askReason({ dialogs }) {
  let reason = "";
  const send = (/** @type {Event} */ event, /** @type {(reason?: string) => void} */ close) => {
    event.preventDefault();
    close(reason);
  };
  return dialogs.open((close) => html`<form @submit=${(/** @type {Event} */ event) => send(event, close)}>
      <div class="dialog-body field"><label for="gw-reject-reason">Why is it not to be done?</label>
        <input id="gw-reject-reason" maxlength="500" autocomplete="off" autofocus
          @input=${(/** @type {any} */ event) => { reason = event.target.value; }}></div>
      <footer><button type="button" class="button" @click=${() => close()}>Cancel</button>
        <button class="button danger">Reject</button></footer></form>`, { title: "Reject" });
}
