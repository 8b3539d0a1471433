/** Where one is signed in, and ending that. */

import { html, nothing } from "lit";
import { ago, time } from "../../core/format.js";
import { Part } from "../../parts/part.js";
import { Loading } from "../../parts/loading.js";
import { trouble } from "../../parts/trouble.js";

/** @typedef {import("../../types/api.js").components["schemas"]["SessionShown"]} SessionShown */

/** What a browser says of itself, in a word or two. @type {readonly [RegExp, string][]} */
const BROWSERS = [[/Edg\//, "Edge"], [/Firefox\//, "Firefox"], [/Chrome\//, "Chrome"], [/Safari\//, "Safari"],
  [/guestwire/i, "guestwire"]];
/** @type {readonly [RegExp, string][]} */
const SYSTEMS = [[/Windows/, "Windows"], [/Android/, "Android"], [/iPhone|iPad/, "iOS"], [/Mac OS/, "macOS"], [/Linux/,
  "Linux"]];

/** @param {string} agent */
export function agentWords(agent) {
  const browser = BROWSERS.find(([pattern]) => pattern.test(agent))?.[1];
  const system = SYSTEMS.find(([pattern]) => pattern.test(agent))?.[1];
  return browser ? (system ? `${browser} on ${system}` : browser) : agent || "unknown";
}

export class OwnSessions extends Part {
  constructor() {
    super();
    /** @type {Loading<{items: SessionShown[]}>} */
    this.sessions = new Loading(this, (signal) => this.services.api.get("/sessions", {}, signal));
  }

  again() {
    return this.sessions.again();
  }

  render() {
    const items = this.sessions.document?.items ?? [];
    const now = Date.now();
    return html`${trouble(this.sessions.error, () => void this.sessions.again())}
      <table class="table">
        <caption class="sr">Your sessions</caption>
        <thead><tr><th scope="col">With</th><th scope="col">From</th><th scope="col">Since</th>
          <th scope="col">Last used</th><th scope="col">Ends</th>
          <th scope="col"><span class="sr">Actions</span></th></tr></thead>
        <tbody>${items.map((one) => html`<tr>
          <th scope="row" title=${one.agent}>${agentWords(one.agent)}${one.current ? html` <span
            class="chip">this one</span>` : nothing}</th>
          <td class="mono">${one.address}</td>
          <td><span title=${time(one.created_at)}>${ago(one.created_at, now)}</span></td>
          <td><span title=${time(one.used_at)}>${ago(one.used_at, now)}</span></td>
          <td><span title=${time(one.expires_at)}>${ago(one.expires_at, now)}</span></td>
          <td>${one.current ? html`<button type="button" class="button"
            @click=${() => void this.services.session.logOut()}>Sign out</button>`
            : html`<button type="button" class="button"
              aria-label="End the session from ${one.address}, ${agentWords(one.agent)}"
                @click=${() => void this._end(one)}>End</button>`}</td></tr>`)}</tbody>
      </table>`;
  }

  /** @param {SessionShown} one */
  async _end(one) {
    try {
      await this.services.api.send("DELETE", `/sessions/${one.id}`);
      this.services.say.done("The session has ended.");
    } catch (error) {
      this.services.say.problem(error);
    }
    await this.sessions.again();
  }
}

customElements.define("gw-sessions", OwnSessions);
