/** What can be done about a job: sign, cancel, try again, give up. */

import { html, nothing } from "lit";
import { WRONG } from "./job_words.js";

/** @typedef {import("../../types/api.js").components["schemas"]["JobView"]} JobView */
/** @typedef {import("../../core/services.js").Services} Services */

/**
 * @param {Services} services
 * @param {JobView} job
 */
export function jobActions(services, job) {
  const { router, session, signing } = services;
  const again = [...WRONG, "canceled"].includes(job.state) && !job.retried_by;
  if (job.finished && !again) return nothing;
  return html`<div class="toolbar">
    ${job.state === "waiting-approval" && job.approval ? html`
      <button type="button" class="button primary" @click=${() => signing.ofApproval(/** @type {string} */ (job.approval))}>Sign…</button>
      <a class="button" href=${router.href(`/approvals/${job.approval}`)}>Show the approval</a>` : nothing}
    ${job.finished ? nothing : html`<button type="button" class="button" ?disabled=${!session.may("job-cancel", job.host) || Boolean(job.cancel_at)}
      @click=${() => send(services, job, "cancel", "Asked to cancel the job.")}>Cancel the job</button>`}
    ${job.state === "overdue" ? html`<button type="button" class="button danger" ?disabled=${!session.may("job-cancel", job.host)}
      @click=${() => giveUp(services, job)}>Give up…</button>` : nothing}
    ${again ? html`<button type="button" class="button primary" ?disabled=${!session.may("job-retry", job.host)}
      @click=${() => retry(services, job)}>Try again</button>` : nothing}
  </div>`;
}

/**
 * @param {Services} services
 * @param {JobView} job
 * @param {string} what
 * @param {string} said
 */
async function send({ api, say }, job, what, said) {
  try {
    await api.send("POST", `/jobs/${job.id}/${what}`);
    say.done(said);
  } catch (error) {
    say.problem(error);
  }
}

/**
 * @param {Services} services
 * @param {JobView} job
 */
async function retry({ api, router, say }, job) {
  try {
    const { document } = await api.send("POST", `/jobs/${job.id}/retry`);
    say.done("It is tried again, as a new job.");
    router.go(`/jobs/${document.id}`);
  } catch (error) {
    say.problem(error);
  }
}

/**
 * @param {Services} services
 * @param {JobView} job
 */
async function giveUp(services, job) {
  const name = job.host.split("/")[1];
  const text = "Nobody waits for its end any more: it ends indeterminate. Do that when the host is gone for good.";
  if (await services.dialogs.confirmName({ title: "Give up the job?", text, name, action: "Give up" })) {
    await send(services, job, "give-up", "Nobody waits for the job any more.");
  }
}
