/**
 * What opening a project or an example does to drafts, host by host: told before it is done, and what must be said for
 * it.
 */

import { html, nothing } from "lit";
import { counted } from "../../core/format.js";
import { changeList } from "./changes.js";

/** @typedef {import("../../types/api.js").components["schemas"]["Opened"]} Opened */

const EFFECTS = { live: "at once", guest_restart: "with a restart of the guest",
  host_reboot: "with a reboot of the host" };

/**
 * The drafts that may be replaced, with the revisions that were shown.
 * @param {readonly Opened[]} drafts
 * @returns {Record<string, number>}
 */
export function overwrites(drafts) {
  return Object.fromEntries(drafts.filter((one) => one.draft_revision).map((one) => [one.target,
    one.draft_revision ?? 0]));
}

/**
 * Whether something that somebody made is lost or a guest goes: then the name is asked for.
 * @param {readonly Opened[]} drafts
 */
export function destroys(drafts) {
  return drafts.some((one) => one.unapplied || (one.removed ?? []).length > 0);
}

/**
 * Why a name is asked for, in a sentence.
 * @param {readonly Opened[]} drafts
 */
export function whyAsked(drafts) {
  const lost = drafts.filter((one) => one.unapplied).map((one) => one.target);
  const removed = drafts.flatMap((one) => (one.removed ?? []).map((guest) => `${one.target}/${guest}`));
  const said = [
    lost.length ? `Edits that were not applied are replaced in the draft of ${lost.join(", ")}.` : "",
    removed.length ? `An apply would then take away ${removed.join(", ")}. Disks stay unless the plan says otherwise.`
      : "",
    "What drafts have now stays in their history.",
  ];
  return said.filter(Boolean).join(" ");
}

/** @param {readonly Opened[]} drafts */
export function openedPreview(drafts) {
  return html`<ul class="gw-opened">${drafts.map((one) => hostPreview(one))}</ul>`;
}

/** @param {Opened} one */
function hostPreview(one) {
  const changes = one.changes ?? [];
  const items = one.items ?? [];
  return html`<li class="panel">
    <h3>${one.target}${one.target.endsWith(`/${one.host}`) ? nothing : html`<span
      class="muted"> from ${one.host}</span>`}</h3>
    <ul class="gw-plain">
      <li>${one.draft_revision ? `There is a draft, revision ${one.draft_revision}: it is replaced.`
        : "There is no draft yet: one begins."}</li>
      ${one.unapplied ? html`<li class="issue w"><span aria-hidden="true">▲</span> The draft has edits that were not
        applied.</li>` : nothing}
      ${(one.removed ?? []).length ? html`<li class="issue w"><span aria-hidden="true">▲</span>
        An apply would take away ${(one.removed ?? []).join(", ")}.</li>` : nothing}
      <li>${effectText(items)}</li>
      ${one.errors ? html`<li class="issue e"><span aria-hidden="true">✕</span> ${counted(one.errors,
        "error")} to be mended before an apply.</li>` : nothing}
      ${one.warnings ? html`<li>${counted(one.warnings, "warning")}</li>` : nothing}
    </ul>
    <details ?open=${changes.length > 0 && changes.length <= 12}>
      <summary>${counted(changes.length + (one.more ?? 0), "change")} of the draft</summary>
      ${changeList(changes, one.more)}
    </details>
  </li>`;
}

/** @param {readonly {effect?: string}[]} items */
function effectText(items) {
  if (!items.length) return "An apply would change nothing on the host as it was last asked.";
  const words = Object.entries(EFFECTS).flatMap(([effect, text]) => {
    const count = items.filter((one) => (one.effect ?? "live") === effect).length;
    return count ? [`${count} ${text}`] : [];
  });
  return `An apply would then make ${counted(items.length, "change")} on the host: ${words.join(", ")}.`;
}
