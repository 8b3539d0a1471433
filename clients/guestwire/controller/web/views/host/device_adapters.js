/** The network adapters of a host: link, speed, MAC, addresses, what goes through them. */

import { html, nothing } from "lit";
import { bytes, time } from "../../core/format.js";
import { pill } from "../../parts/status.js";
import { tableHead } from "./table_head.js";

const TRAFFIC = ["Receives", "Sends", "Lost"];
const HEAD = ["Adapter", "Link", "MAC address", "Addresses", ...TRAFFIC];
/** @type {Record<string, [kind: string, glyph: string, word: string]>} */
const LINKS = {
  up: ["ok", "●", "link up"], down: ["off", "○", "link down"], unknown: ["off", "◌", "switched off"],
};
const NONE = "–";

/** @param {string} link */
export function linkPill(link) {
  const [kind, glyph, word] = LINKS[link] ?? LINKS.unknown;
  return pill(kind, glyph, word);
}

/**
 * @param {readonly import("./device_links.js").Device[]} devices
 * @param {readonly import("./device_traffic.js").Rate[]} rates
 * @param {readonly import("./device_links.js").Change[]} changes
 * @param {boolean} live whether the links are those of this moment
 */
export function adapterPanel(devices, rates, changes, live) {
  const traffic = new Map(rates.map((rate) => [rate.device, rate]));
  const adapters = devices.flatMap((device) => (device.net ?? []).map((adapter) => ({ adapter, device })));
  const cards = new Set(adapters.map(({ adapter }) => adapter.ifname));
  const others = rates.filter((rate) => !cards.has(rate.device));
  return html`<section class="panel" aria-labelledby="gw-host-devices-adapters">
    <h2 id="gw-host-devices-adapters">Network adapters now</h2>
    ${adapters.length || others.length ? html`<div class="scroll-x" role="region" tabindex="0"
      aria-label="Table of network adapters"><table class="table devices">
      <caption class="sr">Network adapters of the host</caption>${tableHead(HEAD, { numbers: TRAFFIC })}
      <tbody>${adapters.map(({ adapter, device }) => row(adapter, device.address, traffic.get(adapter.ifname)))}
        ${others.map((rate) => html`<tr><th scope="row" class="mono">${rate.device}</th>
          <td class="muted" colspan="3">not a card: a bridge, a VLAN or the like</td>${rateCells(rate)}</tr>`)}
      </tbody></table></div>`
      : html`<p class="muted">The host told of no network adapters of its own.</p>`}
    <p role="status" aria-label="Links that changed">${changes.map((one) => html`<span class="row">
      <span class="mono">${one.ifname}</span>
      ${linkPill(one.link)} <span class="muted">since ${time(one.at)}</span></span>`)}</p>
    <p class="muted">${live
      ? "To find a port, unplug its cable and watch whose link goes down: this page looks every few seconds."
      : "The host does not answer just now: links and addresses are those that it told last."}</p></section>`;
}

/**
 * @param {import("./device_links.js").Adapter} adapter
 * @param {string} address
 * @param {import("./device_traffic.js").Rate | undefined} rate
 */
function row(adapter, address, rate) {
  return html`<tr><th scope="row" class="mono">${adapter.ifname}<div class="muted">${address}</div></th>
    <td><div class="nowrap">${linkPill(adapter.link)}
      ${adapter.speed_mbit ? speedText(adapter.speed_mbit) : nothing}</div>
      ${adapter.management ? pill("info", "◆", "management") : nothing}</td>
    <td class="mono nowrap">${adapter.mac || NONE}</td>
    <td class="mono">${adapter.addresses.length ? adapter.addresses.map((one) => html`<div>${one}</div>`) : NONE}</td>
    ${rateCells(rate)}</tr>`;
}

/** @param {import("./device_traffic.js").Rate | undefined} rate */
function rateCells(rate) {
  if (!rate) return html`<td class="end">${NONE}</td><td class="end">${NONE}</td><td class="end">${NONE}</td>`;
  return html`<td class="end num">${bytes(Math.round(rate.received))}/s</td>
    <td class="end num">${bytes(Math.round(rate.sent))}/s</td><td class="end num">${rate.lost}</td>`;
}

/** @param {number | null | undefined} mbit */
export function speedText(mbit) {
  if (!mbit) return NONE;
  return mbit >= 1000 ? `${mbit / 1000} Gbit/s` : `${mbit} Mbit/s`;
}
