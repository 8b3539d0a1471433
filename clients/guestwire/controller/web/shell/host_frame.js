/** The heading and the tabs of a host. */

import { html, nothing } from "lit";
import { ago, duration } from "../core/format.js";
import { HOST_TABS, ROUTES } from "../core/routes.js";
import { Part } from "../parts/part.js";
import { hostStatus, pill, syncStatus } from "../parts/status.js";
import { tabs } from "../parts/tabs.js";

export class HostFrame extends Part {
  static properties = { ...Part.properties, route: { attribute: false } };

  constructor() {
    super();
    /** @type {import("../core/routes.js").Route} */
    this.route = /** @type {any} */ (undefined);
    this.follow("host");
  }

  connectedCallback() {
    super.connectedCallback();
    this.every(5000, () => this.requestUpdate());
  }

  render() {
    const { live, router } = this.services;
    const name = `${this.params.site}/${this.params.host}`;
    const host = live.get("host", name);
    const title = host?.label || this.params.host;
    const config = router.mode === "config";
    return html`<div class="heading"><h1>${title}</h1>
        ${host ? html`${hostStatus(host.state)}<span class="muted">${since(host)}</span>
          ${host.approval === "approved" ? syncStatus(host.sync) : pill("pend", "◔", host.approval)}
          ${host.reboot ? pill("warn", "↻", "reboot needed") : nothing}` : live.state === "live" ? pill("off", "◌", "not known") : nothing}
        ${config ? pill("pend", "✎", "Config mode") : nothing}</div>
      ${tabs(HOST_TABS.map((end) => ({
        label: ROUTES.find((one) => one.frame === "host" && one.path.endsWith(`:host${end}`))?.title ?? end,
        href: router.hostHref(name, end), current: this.route.tab === end && !this.route.path.endsWith("/sync"),
      })), `Pages of ${title}`)}`;
  }
}

/** @param {any} host */
function since({ state, state_at, heard_at }) {
  return state === "online" ? `since ${duration(Date.now() - state_at)}` : `heard ${ago(heard_at, Date.now())}`;
}
customElements.define("gw-host-frame", HostFrame);
