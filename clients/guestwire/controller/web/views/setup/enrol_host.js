/**
 * Letting a host into a site by a code. The code is made where the site's directory is, never at the controller: this
 * writes down what to
 * do there and at the host, with the names filled in, and watches for the host.
 */

import { html, nothing } from "lit";
import { word } from "../../core/command_line.js";
import { cli } from "../../parts/cli.js";
import { textField } from "../../parts/field.js";
import "../../parts/host_key.js";
import { Part } from "../../parts/part.js";
import { trouble } from "../../parts/trouble.js";

/** @typedef {import("../../types/api.js").components["schemas"]["HostSummary"]} HostSummary */

const SLUG = /^[a-z0-9-]{1,36}$/;

export class EnrolHost extends Part {
  static properties = { ...Part.properties, site: {}, values: { state: true }, error: { state: true },
    busy: { state: true } };

  constructor() {
    super();
    this.follow("host", "connection");
    /** The site that hosts are let into. */
    this.site = "";
    /** @type {Record<string, string>} */
    this.values = { directory: "", host: "", service: "" };
    /** @type {unknown} */
    this.error = null;
    this.busy = false;
  }

  get _directory() {
    return this.values.directory || `/var/lib/guestwire-site/${this.site || "plant"}`;
  }

  render() {
    const { live } = this.services;
    const host = this.values.host;
    const wrong = host && !SLUG.test(host) ? "An id has a to z, 0 to 9 and hyphen, 36 at most." : "";
    /** @type {string[]} */
    const brokers = [...live.map("connection").values()].filter((one) => one.site === this.site
      && one.via === "mqtt").flatMap((one) => one.where);
    const name = SLUG.test(host) ? host : "HOST";
    const broker = (brokers.length ? brokers : ["mqtts://BROKER:8883"]).map((one) =>
      ` --broker ${word(one)}`).join("");
    const set = (/** @type {Record<string, string>} */ some) => (this.values = { ...this.values, ...some });
    return html`<div class="stack">
      <p>A host joins a site with a code that is good once. Codes are made where the directory of the site is; the root
        of the site and the
        controller have nothing to do with it, and the host's keys never leave the host.</p>
      <div class="gw-fields">
        ${textField({ id: "gw-enrol-host", label: "Host", value: host, hint: "The id that it gets, as press1.",
          error: wrong, onInput: (text) => set({ host: text }) })}
        ${textField({ id: "gw-enrol-directory", label: "Directory of the site", value: this._directory,
          hint: "Where guestwire site init made it.", onInput: (directory) => set({ directory }) })}
        ${textField({ id: "gw-enrol-service", label: "Name of that machine", value: this.values.service,
          hint: "Under which hosts reach it, as site.example.", onInput: (service) => set({ service }) })}
      </div>
      <ol class="stack gw-steps">
        <li>At the site's directory, if it does not run yet: the service that lets hosts in.
          ${cli(this.services, `guestwire site serve ${word(this._directory)} --name ${word(this.values.service
            || "SITE-MACHINE")}`)}</li>
        <li>There too: the code. It is a secret until it is used, and good for an hour.
          ${cli(this.services, `guestwire host enrol ${word(this._directory)} ${name}${broker}`)}</li>
        <li>On the host: type or paste the code when it asks.
          ${cli(this.services, "sudo guestwire-agent enrol -")}
          ${cli(this.services, "sudo systemctl enable --now guestwire-agent")}</li>
        <li>Here: ${this._watch(name)}</li>
      </ol>
    </div>`;
  }

  /** The host, as soon as it is heard of. @param {string} name */
  _watch(name) {
    const { live } = this.services;
    /** @type {HostSummary[]} */
    const pending = [...live.map("host").values()].filter((one) => one.approval === "pending" && (!this.site
      || one.site === this.site));
    const mine = live.get("host", `${this.site}/${name}`);
    if (mine?.approval === "approved") return html`<span role="status"><span aria-hidden="true">✓</span> ${name} is let
      in.</span>`;
    return html`<span role="status">${pending.length ? "these hosts wait to be let in." : `waiting for ${name === "HOST"
      ? "a host" : name} to be heard of …`}</span>
      ${trouble(this.error)}
      ${pending.length ? html`<table class="table">
        <caption class="sr">Hosts that wait to be let in</caption>
        <thead><tr><th scope="col">Host</th><th scope="col">Calls itself</th><th scope="col">Agent</th><th
          scope="col">In the trust document</th><th scope="col">Key</th>
          <th scope="col"><span class="sr">Actions</span></th></tr></thead>
        <tbody>${pending.map((one) => html`<tr>
          <th scope="row">${one.site}/${one.host}</th><td>${one.hostname || "–"}</td><td>${one.driver}
            ${one.agent_version}</td>
          <td>${one.listed ? "yes" : "no"}</td>
          <td><gw-host-key .services=${this.services} .host=${`${one.site}/${one.host}`}></gw-host-key></td>
          <td>${this.services.session.may("host-approve", `${one.site}/${one.host}`) ? html`<button type="button"
            class="button primary"
            ?disabled=${this.busy} aria-label="Let in ${one.host}" @click=${() => void this._approve(one)}>Let
              in</button>`
            : html`<span class="muted">takes the role admin</span>`}</td></tr>`)}</tbody>
      </table>
      <p class="muted">In the trust document: the site knows it by its key. To be sure that it is that very machine,
        compare the key with the one that <code>guestwire-agent enrol</code> named at its end on the host. To be sure
        that the host joined this site, compare the root's key that it named there with that of
        <code>guestwire site show ${word(this._directory)}</code>.</p>` : nothing}`;
  }

  /** @param {HostSummary} one */
  async _approve(one) {
    this.busy = true;
    this.error = null;
    try {
      await this.services.api.send("POST", `/hosts/${one.site}/${one.host}/approve`, { body: undefined });
      this.services.say.done(`${one.host} is let in.`);
      this.dispatchEvent(new CustomEvent("approved", { bubbles: true, detail: `${one.site}/${one.host}` }));
    } catch (error) {
      this.error = error;
    }
    this.busy = false;
  }
}

customElements.define("gw-enrol-host", EnrolHost);
