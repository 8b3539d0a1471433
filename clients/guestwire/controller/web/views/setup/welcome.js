/** The first steps: say how hosts are reached, let one in, give it a name. The address says which step one is at. */

import { html, nothing } from "lit";
import { selectField, textField } from "../../parts/field.js";
import { Loading } from "../../parts/loading.js";
import { Part } from "../../parts/part.js";
import { hostStatus } from "../../parts/status.js";
import { trouble } from "../../parts/trouble.js";
import "./connection_form.js";
import { connectionPill, connectionWords } from "./connection_state.js";
import "./enrol_host.js";

/** @typedef {import("../../types/api.js").components["schemas"]["HostSummary"]} HostSummary */

const STEPS = ["Connect", "Let a host in", "Name it"];

export class Welcome extends Part {
  static properties = { ...Part.properties, label: { state: true }, error: { state: true } };

  constructor() {
    super();
    this.follow("host", "connection");
    this.label = "";
    /** @type {unknown} */
    this.error = null;
    /** @type {Loading<void>} */
    this.list = new Loading(this, () => this.services.live.need("connection"));
  }

  /** Where one is: as the address says, else the first thing that is not done. */
  get _step() {
    const said = Number(this.query.get("step"));
    if (said >= 1 && said <= STEPS.length) return said;
    const { live } = this.services;
    if (![...live.map("connection").values()].some((one) => one.state === "up")) return 1;
    return [...live.map("host").values()].some((one) => one.approval === "approved") ? 3 : 2;
  }

  render() {
    const { router } = this.services;
    const step = this._step;
    return html`<section class="gw-welcome stack">
      <h1>First steps</h1>
      <ol class="gw-stepper" aria-label="Steps">${STEPS.map((title, at) => html`<li>
        <a href=${router.href("/welcome", { step: at + 1, connection: this.query.get("connection"),
          host: this.query.get("host") })}
          aria-current=${step === at + 1 ? "step" : nothing}><span class="gw-step-no">${at
            + 1}</span> ${title}</a></li>`)}</ol>
      ${trouble(this.list.error, () => void this.list.again())}
      <section class="panel stack" aria-label=${STEPS[step - 1]}>
        ${step === 1 ? this._connect() : step === 2 ? this._letIn() : this._name()}
      </section>
    </section>`;
  }

  _connect() {
    const { live, router, session } = this.services;
    const chosen = this.query.get("connection");
    const items = [...live.map("connection").values()];
    const one = chosen ? live.get("connection", chosen) : null;
    const next = html`<a class="button primary" href=${router.href("/welcome", { step: 2, connection: chosen })}>Go on:
      let a host in</a>`;
    return html`<h2>How are the hosts reached?</h2>
      ${items.length && !one ? html`<p>There ${items.length === 1 ? "is a connection"
        : `are ${items.length} connections`} already:
        ${items.map((each) => html`<span class="row">${each.name} ${connectionPill(each.state)}</span>`)}
        <a href=${router.href("/connections")}>Connections</a></p><div class="toolbar">${next}</div>` : nothing}
      ${one ? html`<div role="status" class="stack"><p class="row"><strong>${one.name}</strong>
        ${connectionPill(one.state)}</p>${connectionWords(one)}</div>
          <div class="toolbar">${one.state === "up" ? next : nothing}
            <a class="button" href=${router.href("/welcome", { step: 1 })}>Add another connection</a>
            ${one.state === "up" ? nothing : html`<a class="button" href=${router.href("/connections")}>Edit or remove
              it</a>`}</div>`
        : !session.may("connection-set") ? html`<p>To add a connection takes the role admin on everything.</p>`
        : html`${items.length ? html`<h3>Add another connection</h3>` : nothing}
          <gw-connection-form .services=${this.services}
            @connected=${(/** @type {CustomEvent} */ event) => router.set({ step: 1,
              connection: event.detail.name })}></gw-connection-form>
          <p class="muted">No site yet? <a href=${router.href("/help/first-run")}>First run</a> tells how one is made,
            with its root, keys and broker.</p>`}`;
  }

  _letIn() {
    const { live, router } = this.services;
    const chosen = live.get("connection", this.query.get("connection") ?? "");
    const sites = [...new Set([...live.map("connection").values()].map((one) => one.site))].sort();
    const site = this.query.get("site") ?? chosen?.site ?? sites[0] ?? "";
    return html`<h2>Let a host in</h2>
      ${sites.length > 1 ? selectField({ id: "gw-welcome-site", label: "Site", value: site, options: sites,
        onChange: (value) => router.set({ step: 2, site: value }) }) : nothing}
      ${sites.length ? nothing : html`<p class="issue w"><span aria-hidden="true">▲</span> There is no connection yet:
        hosts are not heard of without one.
        <a href=${router.href("/welcome", { step: 1 })}>Connect first.</a></p>`}
      <gw-enrol-host .services=${this.services} .site=${site}
        @approved=${(/** @type {CustomEvent} */ event) => router.go("/welcome", { step: 3,
          host: event.detail })}></gw-enrol-host>`;
  }

  _name() {
    const { live, router } = this.services;
    const hosts = [...live.map("host").values()].filter((one) => one.approval === "approved");
    const ref = this.query.get("host") ?? (hosts[0] ? `${hosts[0].site}/${hosts[0].host}` : "");
    /** @type {HostSummary | undefined} */
    const host = live.get("host", ref);
    if (!host) {
      return html`<h2>Name it</h2><p>No host was let in yet. <a href=${router.href("/welcome", { step: 2 })}>Let one in
        first.</a></p>`;
    }
    return html`<h2>Name it</h2>
      <p class="row"><span class="mono">${ref}</span> ${hostStatus(host.state ?? "unknown")} <span
        class="muted">${host.hostname}</span></p>
      <form class="stack" @submit=${(/** @type {Event} */ event) => { event.preventDefault(); void this._save(ref); }}>
        ${textField({ id: "gw-welcome-label", label: "What people call it", value: this.label || host.label,
          hint: "As “Line 3, cell 1”. Its id stays.",
          onInput: (label) => (this.label = label) })}
        ${trouble(this.error)}
        <div class="toolbar"><button class="button primary">Save and open it</button>
          <a class="button" href=${router.hostHref(ref)}>Open it as it is</a></div>
      </form>
      <h3>And then</h3>
      <ul class="gw-plain">
        <li><a href=${router.hostHref(ref, "", { mode: "config" })}>Edit its configuration</a>: guests, CPUs, memory,
          devices.</li>
        <li><a href=${router.href("/examples", { host: ref })}>Begin with an example</a></li>
        <li><a href=${router.href("/welcome", { step: 2 })}>Let in another host</a></li>
        <li><a href=${router.href("/users")}>Add the people who work with it</a></li>
      </ul>`;
  }

  /** @param {string} ref */
  async _save(ref) {
    const { api, router, say } = this.services;
    this.error = null;
    try {
      const { document, etag } = await api.send("GET", `/hosts/${ref}`);
      const label = (this.label || document.label).trim();
      await api.send("PATCH", `/hosts/${ref}`, { body: { label }, ifMatch: etag ?? document.revision });
      say.done(`${ref} is called ${label}.`);
      router.go(`/hosts/${ref}`);
    } catch (error) {
      this.error = error;
    }
  }
}

customElements.define("gw-welcome", Welcome);
