/** The ways that the controller has to sites and hosts: how they fare, adding and removing them. */

import { html, nothing } from "lit";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { Part } from "../../parts/part.js";
import { Loading } from "../../parts/loading.js";
import { trouble } from "../../parts/trouble.js";
import "./connection_form.js";
import { connectionPill, connectionWords } from "./connection_state.js";

/** @typedef {import("../../types/api.js").components["schemas"]["ConnectionView"]} ConnectionView */
/** @typedef {import("../../types/api.js").components["schemas"]["Connection"]} Connection */

export class Connections extends Part {
  constructor() {
    super();
    this.follow("connection", "host");
    /** @type {Loading<void>} */
    this.list = new Loading(this, () => this.services.live.need("connection"));
  }

  connectedCallback() {
    super.connectedCallback();
    this.every(5000, () => this.requestUpdate()); // how long they are up
  }

  render() {
    const { live, router, session } = this.services;
    const may = session.may("connection-set");
    /** @type {ConnectionView[]} */
    const items = [...live.map("connection").values()].sort((one, other) => one.name.localeCompare(other.name));
    return html`<section class="gw-connections stack">
      <h1>Connections</h1>
      <p class="muted">A connection leads to all hosts of a site by its broker, or to one host. The controller keeps
        them up by itself.</p>
      <div class="toolbar">
        ${may ? html`<button type="button" class="button primary" @click=${() => void this._form(null)}>Add a
          connection</button>`
          : html`<span class="muted">To change connections takes the role admin on everything.</span>`}
        <a class="button" href=${router.href("/welcome")}>First steps</a>
      </div>
      ${trouble(this.list.error, () => void this.list.again())}
      ${items.length ? this._table(items, may) : this.list.busy ? html`<p class="muted">Reading the connections …</p>`
        : this.list.error ? nothing : empty({
        title: "No connections yet", text: "Say how the hosts are reached: this machine, one host, or a site's broker.",
        action: may ? html`<a class="button primary" href=${router.href("/welcome")}>First steps</a>` : nothing,
        cli: cli(this.services, "guestwire connection add plant --site plant --broker mqtts://broker.example:8883"),
      })}
    </section>`;
  }

  /**
   * @param {ConnectionView[]} items
   * @param {boolean} may
   */
  _table(items, may) {
    const { live } = this.services;
    const hosts = [...live.map("host").values()];
    return html`<table class="table">
      <caption class="sr">Connections</caption>
      <thead><tr><th scope="col">Name</th><th scope="col">Site</th><th scope="col">Leads to</th><th
        scope="col">By</th><th scope="col">As</th>
        <th scope="col">State</th><th scope="col"><span class="sr">Actions</span></th></tr></thead>
      <tbody>${items.map((one) => html`<tr>
        <th scope="row">${one.name}</th><td>${one.site}</td>
        <td>${one.host ?? `all hosts (${hosts.filter((host) => host.site === one.site).length} known)`}</td>
        <td><span class="muted">${one.via}</span> <span class="mono gw-said">${one.where.join(" ")}</span></td>
        <td class="mono">${one.client ?? "–"}</td>
        <td>${connectionPill(one.state)} ${connectionWords(one)}</td>
        <td>${one.configured ? html`<span class="muted">in the configuration file</span>` : may ? html`<div class="row">
          <button type="button" class="button" aria-label="Edit ${one.name}"
            @click=${() => void this._edit(one)}>Edit</button>
          <button type="button" class="button danger" aria-label="Remove ${one.name}"
            @click=${() => void this._remove(one)}>Remove</button></div>` : nothing}</td>
      </tr>`)}</tbody>
    </table>`;
  }

  /** @param {ConnectionView} one */
  async _edit(one) {
    try {
      await this._form(await this.services.api.get(`/connections/${one.name}/settings`));
    } catch (error) {
      this.services.say.problem(error);
    }
  }

  /** @param {Connection | null} changes the connection that is changed, as it is now; null: a new one */
  async _form(changes) {
    const done = (/** @type {CustomEvent} */ event, /** @type {() => void} */ close) => {
      this.services.say.info(`The connection ${event.detail.name} is tried.`);
      close();
    };
    await this.services.dialogs.open((close) => html`<div class="dialog-body stack">
      ${changes ? html`<p class="muted">It ends for a moment, and begins anew as it is written here.</p>` : nothing}
      <gw-connection-form .services=${this.services} .changes=${changes}
        @connected=${(/** @type {CustomEvent} */ event) => done(event, close)}></gw-connection-form></div>`,
      { title: changes ? `Edit ${changes.name}` : "Add a connection", wide: true });
  }

  /** @param {ConnectionView} one */
  async _remove(one) {
    const { api, dialogs, say } = this.services;
    const text = "What it leads to is reached no more, unless by another connection. Hosts and guests go on.";
    if (!(await dialogs.confirmName({ title: "Remove the connection", text, name: one.name,
      action: "Remove" }))) return;
    try {
      await api.send("DELETE", `/connections/${one.name}`);
      say.done(`The connection ${one.name} is removed.`);
    } catch (error) {
      say.problem(error);
    }
  }
}

customElements.define("gw-connections", Connections);
