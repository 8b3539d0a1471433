/** What can be done with the hosts that are chosen: a row of buttons, each of which says in a dialog whom it reaches. */

import { html, nothing } from "lit";
import { counted } from "../../core/format.js";
import { BULK_ACTIONS, EVERY } from "./bulk_actions.js";
import "./bulk_dialog.js";
import { hostKey } from "./host_columns.js";

/** @typedef {import("../../core/selection.js").HostSummary} HostSummary */
/** @typedef {import("../../core/services.js").Services} Services */

const MOST_NAMED = 100;

/**
 * @param {Services} services
 * @param {{hosts: HostSummary[], chosen: Set<string>, q: string | null, tables: boolean, choose: (which: Set<string> | "all" | null) => void}} bar
 *   `hosts`: all that are found; `q`: everything that it finds is chosen;
 *   `tables`: there are several, none of which can choose the rows of all
 */
export function bulkBar(services, { hosts, chosen, q, tables, choose }) {
  const mine = q === null ? hosts.filter((host) => chosen.has(hostKey(host))) : hosts;
  const pending = mine.some((host) => host.approval !== "approved");
  const actions = BULK_ACTIONS.filter((action) => pending || action.id !== "approve");
  const gone = mine.some((host) => ["offline", "unknown"].includes(host.state));
  if (!mine.length && !tables) return nothing;
  return html`<div class="toolbar fleet-bulk" role="region" aria-label="Chosen hosts">
    ${mine.length ? html`
      <span role="status">${q === null ? `${counted(mine.length, "host")} chosen` : `All ${counted(mine.length, "host")} found are chosen`}</span>
      ${actions.filter((action) => gone || action.id !== "forget").map((action) => actionButton(services, action, { hosts: mine, q }))}
      ${rolloutLink(services, mine, q)}
      <button type="button" class="button quiet" @click=${() => choose(null)}>Choose none</button>` : nothing}
    ${q === null && mine.length < hosts.length ? html`<button type="button" class="button quiet" @click=${() => choose("all")}>
      Choose all ${counted(hosts.length, "host")}</button>` : nothing}
  </div>`;
}

/**
 * @param {Services} services
 * @param {import("./bulk_actions.js").BulkAction} action
 * @param {import("./bulk_actions.js").Chosen} chosen
 */
function actionButton(services, action, chosen) {
  const may = services.session.mayOnSome(action.right);
  return html`<button type="button" class="button ${action.typed ? "danger" : ""}" ?disabled=${!may}
    title=${may ? nothing : "Your role does not allow it."} @click=${() => open(services, action, chosen)}>${action.label}…</button>`;
}

/**
 * A rollout of what is chosen. An address has no room for many names: those are said by a selection.
 * @param {Services} services
 * @param {HostSummary[]} mine
 * @param {string | null} q
 */
function rolloutLink({ router }, mine, q) {
  if (q === null && mine.length > MOST_NAMED) {
    const why = `For more than ${MOST_NAMED} hosts, find them by a selection and choose all.`;
    return html`<button type="button" class="button" disabled title=${why}>Start a rollout…</button>`;
  }
  const targets = q === null ? { hosts: mine.map(hostKey).join(",") } : { q: q || EVERY };
  return html`<a class="button" href=${router.href("/rollouts/new", targets)}>Start a rollout…</a>`;
}

/**
 * @param {Services} services
 * @param {import("./bulk_actions.js").BulkAction} action
 * @param {import("./bulk_actions.js").Chosen} chosen
 */
function open(services, action, chosen) {
  void services.dialogs.open((/** @type {any} */ close) => html`<gw-bulk-dialog .services=${services} .action=${action}
    .chosen=${chosen} .close=${close}></gw-bulk-dialog>`, { title: `${action.label}: ${counted(chosen.hosts.length, "host")}` });
}
