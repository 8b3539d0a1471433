/** Who is signed in, and what they may do. Emits "change". */

import { ACTIONS, ANYWHERE, ROLES } from "./actions.js";
import { Problem } from "./problem.js";

/** @typedef {import("../types/api.js").components["schemas"]["Me"]} Me */

/** Operations that an operator may have hosts do; observers may do what only reads. The others take an engineer, R3 an admin. */
const RUNNING = new Set([
  "guest-start", "guest-shutdown", "guest-destroy", "guest-reset", "guest-pause", "guest-resume", "guests-boot",
  "guests-shutdown", "snapshot-create", "config-confirm", "config-cancel", "host-reboot", "host-poweroff", "job-cancel",
  "log-level", "comm-start", "comm-stop", "comm-restart", "event-signal", "event-reset", "event-wait", "lock-break",
  "guest-console",
]);
const DESTRUCTIVE = new Set(["snapshot-revert"]);

export class Session extends EventTarget {
  /**
   * @param {import("./api.js").Api} api
   * @param {import("./live.js").Live} live knows who is in which group
   * @param {() => string} cookies those that the page may read
   */
  constructor(api, live, cookies) {
    super();
    this._cookies = cookies;
    this._api = api;
    this._live = live;
    /** @type {Me | null} */
    this.me = null;
    /** Whether it was found out already. */
    this.known = false;
    /** Whether they left by themselves: else a session that is gone has expired. */
    this.left = false;
    api.addEventListener("signed-out", () => this._becomes(null));
  }

  /** Find out who is signed in at this browser, if anybody. Without the cookie that comes with a session, nobody is. */
  async begin() {
    if (!/(^|;\s*)(__Host-)?guestwire[-_.]csrf=/.test(this._cookies())) return this._becomes(null);
    try {
      const [sessions, me] = await Promise.all([this._api.get("/sessions"), this._api.get("/users/me")]);
      const current = sessions.items.find((/** @type {any} */ one) => one.current);
      this._api.csrf = current?.csrf ?? "";
      this._becomes(me);
    } catch (error) {
      if (error instanceof Problem && error.status === 401) this._becomes(null);
      else throw error;
    }
  }

  /**
   * Rejects with Problem.
   * @param {string} name
   * @param {string} password
   */
  async logIn(name, password) {
    const { document } = await this._api.send("POST", "/sessions", { body: { name, password }, key: "" });
    this._api.csrf = document.csrf;
    this._becomes(await this._api.get("/users/me"));
  }

  async logOut() {
    this.left = true;
    await this._api.send("DELETE", "/sessions/current").catch(() => null);
    this._becomes(null);
  }

  /** Read anew who one is: a password was changed, a role given. */
  async again() {
    this._becomes(await this._api.get("/users/me"));
  }

  /**
   * Whether the person may do it, as far as can be seen from here.
   * @param {string} action the controller's own, or an operation of hosts
   * @param {string} [host] "site/host"; none: it is about no host
   */
  may(action, host = "") {
    return this._gives(action, (scope) =>
      (host ? covers(scope, host, this._live) : scope === "*" || ANYWHERE.has(action)));
  }

  /**
   * Whether there may be a host that the person may do it to: which one is chosen later.
   * @param {string} action
   */
  mayOnSome(action) {
    return this._gives(action, () => true);
  }

  /**
   * @param {string} action
   * @param {(scope: string) => boolean} there
   */
  _gives(action, there) {
    const needed = ROLES.indexOf(ACTIONS[action] ?? (RUNNING.has(action) ? "operator" : DESTRUCTIVE.has(action) ? "admin" : "engineer"));
    const several = this.me?.token ? [] : this.me?.bindings ?? [];
    return several.some((one) => ROLES.indexOf(one.role) >= needed && there(one.scope));
  }

  /** @param {Me | null} me */
  _becomes(me) {
    this.me = me;
    if (me) this.left = false;
    this.known = true;
    this.dispatchEvent(new Event("change"));
  }
}

/**
 * @param {string} scope
 * @param {string} host
 * @param {import("./live.js").Live} live
 */
function covers(scope, host, live) {
  if (scope === "*") return true;
  const [kind, name] = scope.split(":");
  if (kind === "site") return host.startsWith(`${name}/`);
  if (kind === "host") return host === name;
  // who is in a group the controller knows; a group that is there may have the host in it
  return kind === "group" && live.map("group").has(name);
}
