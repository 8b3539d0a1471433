/**
 * One's own signing keys: this browser's, the others, making one, taking one back, and what the site's root has to do.
 */

import { html, nothing } from "lit";
import { pem, trustLines } from "../../core/keys.js";
import { time } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { textField } from "../../parts/field.js";
import { Part } from "../../parts/part.js";
import { pill } from "../../parts/status.js";

/** @typedef {import("../../core/keys.js").KeyShown} KeyShown */

const LOOK_MS = 5000;

export class MyKeys extends Part {
  static properties = {
    ...Part.properties, small: { type: Boolean }, _standing: { state: true }, _label: { state: true },
      _busy: { state: true },
    _problem: { state: true },
  };

  constructor() {
    super();
    /** Only this browser's key. */
    this.small = false;
    /** @type {{all: KeyShown[], own: KeyShown | null, lacks: string} | null} */
    this._standing = null;
    this._label = "this browser";
    this._busy = false;
    /** @type {Error | null} */
    this._problem = null;
  }

  connectedCallback() {
    super.connectedCallback();
    // whether a site knows the key changes when its root signs: nobody tells of it
    this.every(LOOK_MS, () => this._read());
  }

  async _read() {
    try {
      const before = this._standing?.own?.in_trust.length;
      this._standing = await this.services.signing.standing();
      const known = this._standing.own?.in_trust.length;
      if (before !== undefined && known !== before) this.dispatchEvent(new CustomEvent("trusted"));
    } catch (error) {
      this._problem = /** @type {Error} */ (error);
    }
  }

  render() {
    const standing = this._standing;
    const problem = this._problem
      ? html`<p class="issue e" role="alert"><span aria-hidden="true">✕</span> ${this._problem.message}</p>` : nothing;
    if (!standing) return html`${problem}<p class="muted" aria-busy="true">Reading your keys …</p>`;
    return html`<div class="stack sync-keys">${problem}
      ${standing.lacks ? this._lacks(standing.lacks) : standing.own ? this._own(standing.own, standing.all)
        : this._none()}
      ${this.small ? nothing : this._all(standing.all, standing.own)}
    </div>`;
  }

  /** @param {string} why */
  _lacks(why) {
    return html`<p class="issue w"><span aria-hidden="true">▲</span> ${why}</p>
      <p>A key on your machine signs as well:</p>${cli(this.services,
        "guestwire key make my.key && guestwire key enrol my.key")}`;
  }

  _none() {
    return html`<form class="row" @submit=${this._enrol}>
      ${textField({ id: "gw-my-keys-label", label: "Name of this browser", value: this._label,
        onInput: (value) => { this._label = value; }, hint: "So that you know it again in the list of your keys." })}
      <button class="button primary"
        ?disabled=${this._busy || !this._label.trim()}>Make a key in this browser</button></form>`;
  }

  /**
   * @param {KeyShown} key
   * @param {KeyShown[]} all
   */
  _own(key, all) {
    return html`<section class="stack">
      <h3>This browser's key</h3>
      <dl class="kv"><dt>Key</dt><dd class="mono">${key.id}</dd><dt>Called</dt><dd>${key.label}</dd>
        <dt>Public key</dt><dd class="mono sync-public">${key.public_key}</dd>
        <dt>Known by</dt><dd>${trusted(key)}</dd></dl>
      ${key.in_trust.length ? html`<details><summary>Make it known at another site</summary>
        <div class="stack">${this._toRoot(key, all)}</div></details>` : this._toRoot(key, all)}
    </section>`;
  }

  /**
   * What whoever holds the site's root does.
   * @param {KeyShown} key
   * @param {KeyShown[]} all
   */
  _toRoot(key, all) {
    const name = this.services.signing.person.name;
    const more = all.some((one) => one.in_trust.some((known) => known.principal === `operator:${name}`));
    const file = `${key.id}.pem`;
    return html`<p>Hosts believe it once the site's root has signed that. Give the public key to whoever holds the
      root:</p>
      <p><a class="button" download=${file}
        href=${`data:application/x-pem-file,${encodeURIComponent(pem(key.public_key))}`}>Download ${file}</a></p>
      <p>Where the site's directory is, with its root:</p>
      ${trustLines(name, file, more).map((line) => cli(this.services, line))}
      <p class="muted">The controller looks for it every half a minute, and this page shows it then.</p>`;
  }

  /**
   * @param {KeyShown[]} all
   * @param {KeyShown | null} own
   */
  _all(all, own) {
    return html`<section class="stack"><h3>All your keys</h3>
      ${all.length ? html`<table class="table"><caption class="sr">Your signing keys</caption>
        <thead><tr><th scope="col">Key</th><th scope="col">Called</th><th scope="col">Enrolled</th><th
          scope="col">Known by</th><th scope="col">State</th><th scope="col"><span
            class="sr">Actions</span></th></tr></thead>
        <tbody>${all.map((key) => html`<tr>
          <th scope="row" class="mono">${key.id}</th><td>${key.label}${key.id === own?.id ? " (this browser)"
            : ""}</td><td>${time(key.enrolled_at)}</td>
          <td>${trusted(key)}</td><td>${key.revoked_at ? pill("err", "✕", `revoked ${time(key.revoked_at)}`)
            : pill("ok", "●", "enrolled")}</td>
          <td>${key.revoked_at ? nothing : html`<button type="button" class="button" ?disabled=${this._busy}
            aria-label=${`Revoke ${key.id}`}
              @click=${() => this._revoke(key)}>Revoke…</button>`}</td></tr>`)}</tbody></table>`
        : html`<p>You have no keys. What takes a signature is signed by one.</p>`}</section>`;
  }

  /** @param {Event} event */
  async _enrol(event) {
    event.preventDefault();
    const { signing, say } = this.services;
    this._busy = true;
    this._problem = null;
    try {
      await signing.keys.enrol(signing.person, this._label.trim());
      await this._read();
      say.done("This browser has a key of yours now.");
      this.dispatchEvent(new CustomEvent("enrolled"));
    } catch (error) {
      this._problem = /** @type {Error} */ (error);
    } finally {
      this._busy = false;
    }
  }

  /** @param {KeyShown} key */
  async _revoke(key) {
    const { api, dialogs, say, signing } = this.services;
    const sure = await dialogs.confirmName({
      title: "Revoke a key", name: key.id, action: "Revoke",
      text: "The controller takes no signature of it any more, for good. What hosts believe is in the "
        + "site's trust document: have it revoked there too.",
    });
    if (!sure) return;
    this._busy = true;
    try {
      await api.send("DELETE", `/keys/${key.id}`);
      if ((await signing.keys.of(signing.person.id))?.id === key.id) await signing.keys.forget(signing.person.id);
      await this._read();
      say.done(`Key ${key.id} is revoked.`);
    } catch (error) {
      say.problem(error);
    } finally {
      this._busy = false;
    }
  }
}
customElements.define("gw-my-keys", MyKeys);

/** @param {KeyShown} key */
function trusted(key) {
  if (!key.in_trust.length) return key.revoked_at ? "nobody" : pill("warn", "▲", "no site yet");
  return key.in_trust.map((one) => html`<div><span
    class="mono">${one.principal}</span> at ${one.site}, up to R${one.risk}</div>`);
}
