/**
 * A draft for the machine that its host is now: what would become of it is shown; who agrees has it so. Nothing is
 * applied.
 */

import { html, nothing } from "lit";
import { counted } from "../../core/format.js";
import { named } from "../../core/places.js";
import { cli } from "../../parts/cli.js";
import { issueLines } from "../../parts/issue_lines.js";

/** @typedef {import("../../core/services.js").Services} Services */
/** @typedef {import("../../core/drafts.js").Draft} Draft */
/** @typedef {import("../../types/api.js").components["schemas"]["DraftChecked"]} DraftChecked */

const MACHINE = "base_topology";

/**
 * Have the host tell what machine it is, and the draft be one for that. Where there is no draft and the machine is
 * another one, a draft begins; it goes again where nobody wants it.
 * @param {Services} services
 * @param {string} host "site/host"
 */
export async function syncHardware(services, host) {
  const { say, hosts, drafts } = services;
  const draft = drafts.of(host);
  let begun = false;
  try {
    await hosts.of(host).refresh();
    await draft.settled();
    if (!draft.document) {
      if (!isOther(services, host)) return say.done("The machine is the one that the configuration was made for.");
      await draft.pull();
      begun = true;
    }
    const revision = draft.revision;
    const found = await forMachine(services, host, revision, false);
    if (!found.changes.length) return say.done("The machine is the one that the draft was made for.");
    if (await agreed(services, host, found)) {
      await forMachine(services, host, revision, true);
      await draft.reload();
      say.done("The draft is one for this machine now. Look at it, then apply it.");
      services.router.follow(services.router.hostHref(host, "/cpu", { mode: "config" }));
    } else if (begun) await draft.discard(revision);
  } catch (error) {
    say.problem(error);
  }
}

/**
 * What a draft is for the machine that its host is now. Rejects with Problem.
 * @param {Services} services
 * @param {string} host
 * @param {number} revision of the draft
 * @param {boolean} save whether it is to be that; else it is only told
 * @returns {Promise<import("../../types/api.js").components["schemas"]["DraftChecked"]>}
 */
async function forMachine({ api }, host, revision, save) {
  return (await api.send("POST", `/drafts/${host}/hardware`, { body: { save }, ifMatch: revision })).document;
}

/**
 * The button where a rule says that a draft was made for another machine; nothing where no rule does.
 * @param {Services} services
 * @param {string} host
 * @param {readonly {code: string}[]} issues
 */
export function hardwareButton(services, host, issues) {
  const other = issues.some((issue) => issue.code === "TOPO-MISMATCH");
  if (!other || !services.session.may("draft-edit", host)) return nothing;
  return html`<div class="row"><button type="button" class="button"
    @click=${() => void syncHardware(services, host)}>Sync hardware info …</button></div>`;
}

/**
 * Whether the host has a configuration that was made for another machine.
 * @param {Services} services
 * @param {string} host
 */
function isOther({ hosts, drafts }, host) {
  const made = drafts.of(host).active?.base_topology;
  const now = hosts.of(host).inventory?.topology?.fingerprint;
  return Boolean(made && now && made !== now);
}

/**
 * @param {Services} services
 * @param {string} host
 * @param {DraftChecked} found
 * @returns {Promise<boolean>}
 */
function agreed(services, host, found) {
  const sets = found.changes.filter((one) => one.path !== MACHINE);
  const errors = found.findings.issues.filter((issue) => issue.severity === "E");
  return services.dialogs.confirm({
    title: "The machine is another one", action: "Make the draft for this machine",
    text: html`<div class="stack">
      <p>The draft was made for another machine: CPUs, devices or the BIOS are others now. Nothing is changed on the
        host.</p>
      ${sets.length ? moved(sets, found.more) : html`<p>Every CPU set fits as it is written.</p>`}
      ${errors.length ? html`<p>This is to be mended then:</p>${issueLines(errors)}` : nothing}
      ${cli(services, `guestwire hardware pull ${host.split("/")[1]} --save`)}</div>`,
  });
}

/**
 * @param {DraftChecked["changes"]} sets
 * @param {number} more
 */
function moved(sets, more) {
  return html`<p>Real-time guests keep their order from the top, the others theirs below.</p>
    <table class="table"><caption class="sr">CPUs on this machine</caption>
      <thead><tr><th scope="col">Of</th><th scope="col">Were</th><th scope="col">Are then</th></tr></thead>
      <tbody>${sets.map((one) => html`<tr><th scope="row">${named(one.path).group}</th>
        <td class="mono">${one.before}</td><td class="mono changed">${one.after}</td></tr>`)}</tbody></table>
    ${more ? html`<p class="muted">And ${counted(more, "change")} more.</p>` : nothing}`;
}
