/** The users of the controller, and making one. What there is of one user is user.js. */

import { html, nothing } from "lit";
import { ago, time } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { textField } from "../../parts/field.js";
import { Part } from "../../parts/part.js";
import { pill } from "../../parts/status.js";
import "../../parts/table.js";
import { Loading } from "../../parts/loading.js";
import { trouble } from "../../parts/trouble.js";
import { newUser } from "./new_user.js";
import { noRight } from "./no_right.js";
import { roleChips, rolesText } from "./roles.js";

/** @typedef {import("../../types/api.js").components["schemas"]["UserShown"]} User */

export class Users extends Part {
  constructor() {
    super();
    this.follow("user");
    /** @type {Loading<User[]>} */
    this.users = new Loading(this, () => this.services.api.all("/users"));
  }

  connectedCallback() {
    super.connectedCallback();
    this.until(this.services.live.on("user", () => void this.users.again()));
  }

  render() {
    const { router, session } = this.services;
    const wanted = this.query.get("q") ?? "";
    const words = wanted.toLowerCase();
    const rows = (this.users.document ?? []).filter((one) =>
      [one.name, one.label, rolesText(one.bindings)].some((text) => text.toLowerCase().includes(words)));
    if (!session.may("user-read")) return html`<h1>Users</h1>
      ${noRight("To see users takes the role admin on everything.", router)}`;
    return html`<section class="gw-users stack">
      <h1>Users</h1>
      <div class="toolbar gw-filters">
        ${session.may("user-set") ? html`<button type="button" class="button primary"
          @click=${() => void newUser(this.services)}>Add a user</button>` : ""}
        ${textField({ id: "gw-users-q", label: "Filter", type: "search", value: wanted, onInput: (value) =>
          router.set({ q: value || null }) })}
      </div>
      ${trouble(this.users.error, () => void this.users.again())}
      ${this.users.document ? this._table(rows, wanted) : this.users.busy
        ? html`<p class="muted">Reading the users …</p>` : nothing}
    </section>`;
  }

  /**
   * @param {User[]} rows
   * @param {string} wanted
   */
  _table(rows, wanted) {
    const { router } = this.services;
    const now = Date.now();
    return html`<gw-table .services=${this.services} caption="Users" .rows=${rows} sort="name"
      .key=${(/** @type {User} */ row) => row.id} .row_href=${(/** @type {User} */ row) =>
        router.href(`/users/${row.name}`)}
      .columns=${[
        { id: "name", label: "Name", value: (/** @type {User} */ row) => row.name },
        { id: "label", label: "Called", value: (/** @type {User} */ row) => row.label },
        { id: "roles", label: "Roles", value: (/** @type {User} */ row) => rolesText(row.bindings),
          cell: (/** @type {User} */ row) => roleChips(row.bindings) },
        { id: "state", label: "State", value: (/** @type {User} */ row) => (row.disabled ? "disabled" : row.must_change
          ? "new password due" : "active"),
          cell: (/** @type {User} */ row) => userState(row) },
        { id: "login_at", label: "Last sign-in", value: (/** @type {User} */ row) => row.login_at ?? 0,
          cell: (/** @type {User} */ row) => html`<span title=${time(row.login_at)}>${ago(row.login_at, now)}</span>` },
      ]}
      .empty=${empty({ title: wanted ? `No user matches “${wanted}”` : "No users",
        text: "Everybody who works with the controller has a user of their own.",
        cli: cli(this.services, "guestwire user add bruno --role operator:site:plant") })}></gw-table>`;
  }
}

/** @param {User} user */
export function userState(user) {
  if (user.disabled) return pill("off", "○", "disabled");
  return user.must_change ? pill("pend", "◔", "new password due") : pill("ok", "●", "active");
}

customElements.define("gw-users", Users);
