/** How far an apply is, from its job, what came of it and how the host stands: the stages that people see. Pure. */

/** @typedef {import("../../types/api.js").components["schemas"]["JobDetail"]} JobDetail */
/** @typedef {"done" | "now" | "ahead" | "failed"} Standing */
/** @typedef {{id: string, label: string, standing: Standing, at: number | null}} Stage */
/** @typedef {"waits" | "runs" | "confirm" | "reboot" | "kept" | "undone" | "failed" | "ended"} Outcome */
/**
 * @typedef {{revision: {number: number, hash: string}, state: string, plan_id: string | null, confirm_by: number |
 * null}} Config
 */

/** Ends that undid what was done, or did nothing. @type {Record<string, string>} */
export const ENDS = {
  "failed": "It failed.", "rejected": "The host, or who was to sign, refused it.", "canceled": "It was cancelled.",
  "timed-out": "It was not done in time.", "indeterminate": "Nobody knows what became of it: look at the host.",
  "rolled-back": "It failed on the way and was undone.",
};

/**
 * What has come of it by now.
 * @param {JobDetail} job
 * @param {Config | null} config how the host stands; null: not known
 * @returns {Outcome}
 */
export function outcome(job, config) {
  if (!job.finished) return job.state.startsWith("waiting-") && job.state !== "waiting-reboot" ? "waits" : "runs";
  if (job.state !== "succeeded") return job.state === "canceled" ? "ended" : "failed";
  const reply = /** @type {any} */ (job.reply);
  const waits = WAITS[reply?.state];
  if (!waits) return "kept";
  if (!config || (config.plan_id === job.plan_id && config.state !== "in_sync")) {
    return config?.state === "waiting_reboot" ? "reboot" : config?.state === "confirm_wait" ? "confirm" : waits;
  }
  const same = config.revision.number === reply.revision?.number && config.revision.hash === reply.revision?.hash;
  return same || config.revision.number > reply.revision?.number ? "kept" : "undone";
}

/** @type {Record<string, "confirm" | "reboot">} */
const WAITS = { confirm_wait: "confirm", waiting_reboot: "reboot" };

/**
 * The stages of an apply, those that this one has.
 * @param {JobDetail} job
 * @param {Outcome} found
 * @returns {Stage[]}
 */
export function stages(job, found) {
  const failed = found === "failed" || found === "ended";
  /** @type {{id: string, label: string, reached: boolean, at: number | null}[]} */
  const several = [
    { id: "ordered", label: "Ordered", reached: true, at: job.created_at },
    ...(job.approval ? [{ id: "signed", label: "Signed", reached: job.state !== "waiting-approval"
      && Boolean(job.sent_at), at: null }] : []),
    ...(job.window || job.not_before
      ? [{ id: "window", label: "Its time has come", reached: Boolean(job.sent_at), at: null }] : []),
    { id: "sent", label: "Sent to the host", reached: Boolean(job.sent_at), at: job.sent_at ?? null },
    { id: "accepted", label: "Accepted by the host", reached: Boolean(job.accepted_at), at: job.accepted_at ?? null },
    { id: "done", label: "Carried out", reached: job.state === "succeeded", at: job.finished_at ?? null },
    ...(WAITS[/** @type {any} */ (job.reply)?.state]
      ? [{ id: "kept", label: KEPT[found] ?? "Confirmed and kept", reached: found === "kept", at: null }] : []),
  ];
  const now = several.findIndex((one) => !one.reached);
  return several.map(({ id, label, reached, at }, n) => ({
    id, label, at: reached ? at : null, standing: reached ? "done" : n === now
      ? (failed || found === "undone" ? "failed" : "now") : "ahead",
  }));
}

/** @type {Partial<Record<Outcome, string>>} */
const KEPT = { confirm: "Waits for a confirmation", reboot: "Waits for a reboot", undone: "Undone" };
