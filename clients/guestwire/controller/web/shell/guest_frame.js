/** The heading and the tabs of a guest. */

import { html, nothing } from "lit";
import { pathText } from "../core/edit_paths.js";
import { ago } from "../core/format.js";
import { GUEST_TABS, ROUTES } from "../core/routes.js";
import { guestButtons } from "../parts/guest_buttons.js";
import { Part } from "../parts/part.js";
import { guestStatus, pill } from "../parts/status.js";
import { tabs } from "../parts/tabs.js";

export class GuestFrame extends Part {
  static properties = { ...Part.properties, route: { attribute: false } };

  constructor() {
    super();
    /** @type {import("../core/routes.js").Route} */
    this.route = /** @type {any} */ (undefined);
    /** Who is watched. */
    this._host = "";
  }

  willUpdate() {
    const name = `${this.params.site}/${this.params.host}`;
    if (name === this._host) return;
    this._host = name;
    this.watch(this.services.hosts.of(name));
    this.watch(this.services.drafts.of(name));
  }

  render() {
    const { hosts, drafts, router } = this.services;
    const host = `${this.params.site}/${this.params.host}`;
    const guest = this.params.guest;
    const seen = hosts.of(host).guest(guest);
    const draft = drafts.of(host);
    return html`<div class="heading"><h1>${guest}</h1>
        ${seen ? html`${guestStatus(seen.state)}<span class="muted">as of ${ago(seen.as_of, Date.now())}, by ${seen.source}</span>` : pill("off", "◌", "not on the host")}
        ${draft.changed(pathText(["guest", guest])) ? pill("pend", "✎", "changed, not synced") : nothing}
        <span class="fill"></span>
        ${guestButtons(this.services, host, guest, { menu: "Actions", all: true })}</div>
      ${tabs(GUEST_TABS.map((end) => ({
        label: ROUTES.find((one) => one.frame === "guest" && one.tab === end)?.title ?? end,
        href: router.guestHref(host, guest, end), current: this.route.tab === end,
      })), `Pages of ${guest}`)}`;
  }
}
customElements.define("gw-guest-frame", GuestFrame);
