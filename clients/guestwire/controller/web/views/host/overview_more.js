/** The "More" of a host: reading its hardware anew, and what that means for its draft. */

import { html } from "lit";
import { cli } from "../../parts/cli.js";

/** @typedef {import("../../core/services.js").Services} Services */

/**
 * @param {Services} services
 * @param {string} host
 * @param {{update: () => void, hardware: () => void, words: () => void}} doing
 * @returns {import("../../parts/menu.js").Item[]}
 */
export function moreItems(services, host, { update, hardware, words }) {
  const follow = (/** @type {string} */ end) => services.router.follow(services.router.hostHref(host, end, { mode: "config" }));
  const edit = services.session.may("draft-edit", host) ? "" : "Your role does not allow this.";
  const label = services.session.may("host-label", host) ? "" : "Your role does not allow this.";
  return [
    { label: "Update device details", run: update },
    { label: "Sync hardware info …", run: hardware, why: edit },
    { label: "Update project templates …", run: () => follow("/templates"), why: edit },
    { label: "Names and labels …", run: words, why: label },
  ];
}

/**
 * Compare the machine with that which the draft was made for, and have the draft be for this one. CPU sets stay as they are
 * written; mapping them is the command line's.
 * @param {Services} services
 * @param {string} host
 */
export async function syncHardware(services, host) {
  const data = services.hosts.of(host);
  const draft = services.drafts.of(host);
  try {
    await data.refresh();
  } catch (error) {
    services.say.problem(error);
    return;
  }
  const now = data.inventory?.topology?.fingerprint;
  const made = (draft.document ?? draft.active)?.base_topology;
  if (!now || !made || made === now) {
    services.say.done(made && now ? "The machine is the one that the configuration was made for." : "What the host has was read anew.");
    return;
  }
  const sure = await services.dialogs.confirm({
    title: "The machine is another one", action: "Make the draft for this machine",
    text: html`<div class="stack"><p>The configuration was made for another machine: CPUs, devices or the BIOS are others now. Nothing is
        changed on the host.</p>
      <p>The draft can be taken for this machine with its CPU sets as they are; the rules then say which do not fit. To have the CPUs mapped, real-time
      guests from the top and the others below in their order, use the command line:</p>
      ${cli(services, `guestwire hardware pull ${host.split("/")[1]} --save`)}</div>`,
  });
  if (!sure) return;
  draft.edit([{ op: "set", path: "base_topology", value: now }]);
  services.router.follow(services.router.hostHref(host, "/cpu", { mode: "config" }));
}
