/** The network cards of a guest, the ports forwarded to it, and how its ends of the virtual networks are now. */

import { html, nothing } from "lit";
import { line } from "../../core/command_line.js";
import { bytes } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import "../../parts/form.js";
import { pill } from "../../parts/status.js";
import { GuestPage } from "./pages.js";

const AGAIN_MS = 5000;
const FIELDS = ["nics", "port_forwards"];

export class GuestNetwork extends GuestPage {
  static properties = { ...GuestPage.properties, _ports: { state: true }, _problem: { state: true } };

  constructor() {
    super();
    /** @type {any[] | null} */
    this._ports = null;
    this._problem = "";
  }

  connectedCallback() {
    super.connectedCallback();
    this.every(AGAIN_MS, async (signal) => {
      try {
        const { networks } = await this.services.api.operation(this.host, "net-list", {}, signal);
        this._ports = networks.flatMap((/** @type {any} */ net) => net.ports
          .filter((/** @type {any} */ port) => port.guest === this.name).map((/** @type {any} */ port) =>
            ({ net, port })));
        this._problem = "";
      } catch (error) {
        if (!signal.aborted) this._problem = /** @type {Error} */ (error).message;
      }
    });
  }

  render() {
    const { guest } = this;
    if (!guest) return this.missing();
    const schema = this.schemaOf("Guest");
    const tools = this.formTools;
    return html`<div class="stack guest-page">
      <section class="panel stack" aria-labelledby="gw-guest-network-cards"><h2
        id="gw-guest-network-cards">Network cards</h2>
        ${guest.nics.length || this.editing ? nothing : empty({
          title: "No network cards", text:
            "In Config mode a card is added, on a virtual network or a bridge of the host.",
          cli: cli(this.services, line`guestwire guest set ${this.short}/${this.name} 'nics+={network="lan"}'`),
        })}
        ${schema ? html`<gw-form .schema=${schema} .only=${FIELDS} .value=${guest} .place=${this.place}
          .read_only=${!this.editing} .changed=${tools.changed}
          .before=${tools.before} .issues=${tools.issues} .offers=${tools.offers} @edit=${this.takeEdit}></gw-form>` :
            nothing}</section>
      <section class="panel stack" aria-labelledby="gw-guest-network-now"><h2
        id="gw-guest-network-now">On virtual networks now</h2>${this._now()}</section></div>`;
  }

  _now() {
    if (this._problem) return html`<p class="muted">The networks cannot be read: ${this._problem}</p>`;
    if (!this._ports) return html`<p class="muted" role="status">Reading …</p>`;
    if (!this._ports.length) {
      return empty({ title: "On no virtual network", text:
        "A guest is on a network when it has a card on it, or is a member of it.",
        cli: cli(this.services, line`guestwire net member add ${this.short}/lan ${this.name}`),
        action: html`<a class="button"
          href=${this.services.router.hostHref(this.host, "/network")}>Networks of the host</a>` });
    }
    return html`<table class="table"><caption class="sr">Ends of virtual networks</caption>
      <thead><tr><th scope="col">Network</th><th scope="col">State</th><th scope="col">MAC address</th><th
        scope="col">IP address</th>
        <th scope="col">Interface on the host</th><th scope="col" class="end">Received</th><th scope="col"
          class="end">Sent</th></tr></thead>
      <tbody>${this._ports.map(({ net, port }) => html`<tr><th scope="row">${net.name}</th>
        <td>${port.up ? pill("ok", "●", "up") : pill("off", "○", "down")}</td>
        <td class="mono">${port.mac}</td><td class="mono">${port.ip ?? "-"}</td><td class="mono">${port.tap || "-"}</td>
        <td class="end num">${bytes(port.rx_bytes)}</td><td
          class="end num">${bytes(port.tx_bytes)}</td></tr>`)}</tbody></table>`;
  }
}

customElements.define("gw-guest-network", GuestNetwork);
