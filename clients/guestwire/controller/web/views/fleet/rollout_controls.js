/** What people can do about a rollout: begin it, pause, resume, abort, try again. A table: which states, which question first. */

import { html, nothing } from "lit";
import { textField } from "../../parts/field.js";

/** @typedef {import("../../types/api.js").components["schemas"]["RolloutDetail"]} Rollout */
/** @typedef {import("../../core/services.js").Services} Services */
/**
 * @typedef {object} Control
 * @property {string} id the end of the path
 * @property {string} label
 * @property {readonly string[]} states
 * @property {"none" | "reason" | "name"} asks
 * @property {string} said
 * @property {(rollout: Rollout) => boolean} [fits]
 */

const TO_RETRY = ["failed", "timed-out", "rejected", "rolled-back", "skipped", "canceled", "overdue"];

/** @type {readonly Control[]} */
const CONTROLS = [
  { id: "start", label: "Start", states: ["draft"], asks: "none", said: "The rollout has begun." },
  { id: "pause", label: "Pause…", states: ["running"], asks: "reason", said: "No more hosts are begun; what runs goes on." },
  { id: "resume", label: "Resume", states: ["paused"], asks: "none", said: "The rollout goes on." },
  { id: "abort", label: "Abort…", states: ["draft", "running", "paused"], asks: "name", said: "The rollout ends; what runs is waited for." },
  {
    id: "retry", label: "Try again what failed", states: ["running", "paused", "finished", "aborted"], asks: "none",
    said: "What failed or took no part is tried again.", fits: (rollout) => TO_RETRY.some((state) => rollout.counts[state]),
  },
];

/**
 * @param {Services} services
 * @param {Rollout} rollout
 * @param {() => void} changed
 */
export function rolloutControls(services, rollout, changed) {
  const may = services.session.may("rollout-control");
  const fitting = CONTROLS.filter((one) => one.states.includes(rollout.state) && (one.fits?.(rollout) ?? true));
  if (!fitting.length) return nothing;
  return html`<div class="toolbar">${fitting.map((control) => html`<button type="button"
    class="button ${control.id === "abort" ? "danger" : control.id === "start" || control.id === "resume" ? "primary" : ""}" ?disabled=${!may}
    @click=${() => run(services, rollout, control, changed)}>${control.label}</button>`)}
    ${may ? nothing : html`<span class="muted">Your role does not allow you to control rollouts.</span>`}</div>`;
}

/**
 * @param {Services} services
 * @param {Rollout} rollout
 * @param {Control} control
 * @param {() => void} changed
 */
async function run(services, rollout, control, changed) {
  const { api, dialogs, say } = services;
  /** @type {{reason?: string} | undefined} */
  let body;
  if (control.asks === "name") {
    const text = "No more hosts are begun. What runs on hosts already goes on to its end and is not undone.";
    if (!await dialogs.confirmName({ title: "Abort this rollout?", text, name: rollout.name, action: "Abort the rollout" })) return;
  }
  if (control.asks === "reason") {
    const reason = await askReason(services);
    if (reason === undefined) return;
    body = { reason };
  }
  try {
    await api.send("POST", `/rollouts/${rollout.id}/${control.id}`, { body });
    say.done(control.said);
    changed();
  } catch (error) {
    say.problem(error);
  }
}

/**
 * @param {Services} services
 * @returns {Promise<string | undefined>} undefined: rather not
 */
function askReason({ dialogs }) {
  let reason = "";
  return dialogs.open((/** @type {any} */ close) => html`<form @submit=${(/** @type {Event} */ event) => { event.preventDefault(); close(reason); }}>
    <div class="dialog-body">${textField({
      id: "gw-rollout-reason", label: "Why", value: "", hint: "For those who look at it later. It may stay empty.",
      onInput: (/** @type {string} */ text) => { reason = text; },
    })}</div>
    <footer><button type="button" class="button" @click=${() => close(undefined)}>Cancel</button>
      <button class="button primary">Pause the rollout</button></footer></form>`, { title: "Pause this rollout?" });
}
