/** What states of jobs there are and how people ask for them; which jobs a filter means. Pure. */

/** @typedef {import("../../types/api.js").components["schemas"]["JobView"]} JobView */

export const WAITING = ["queued", "waiting-approval", "waiting-window"];
export const OUT = ["sent", "accepted", "running", "waiting-reboot", "overdue"];
export const WRONG = ["failed", "timed-out", "rejected", "indeterminate", "rolled-back"];
const ENDED = ["succeeded", ...WRONG, "canceled"];

/** What one may choose: some states under one name, then each. @type {readonly [string, string][]} */
export const STATE_OPTIONS = [
  ["", "Any state"], ["unfinished", "Not finished"], ["wrong", "Went wrong"],
  ...[...WAITING, ...OUT, ...ENDED].map((state) => /** @type {[string, string]} */ ([state, state.replaceAll("-", " ")])),
];

/** @type {Record<string, readonly string[]>} */
const SEVERAL = { "": [], unfinished: [...WAITING, ...OUT], wrong: WRONG };

/**
 * The states that a word of the address means; none: all.
 * @param {string} word
 * @returns {readonly string[]}
 */
export function statesOf(word) {
  return SEVERAL[word] ?? [word];
}

/** @typedef {{state: string, host: string, operation: string, by: string, rollout: string}} JobFilter */

/**
 * The filter that the address has.
 * @param {URLSearchParams} query
 * @param {Iterable<string>} [hosts] that are known: whose name alone is written is meant, if there is one of it only
 * @returns {JobFilter}
 */
export function filterOf(query, hosts = []) {
  const word = (/** @type {string} */ name) => query.get(name)?.trim() ?? "";
  const named = [...hosts].filter((host) => host.split("/")[1] === word("host"));
  return {
    state: word("state"), host: named.length === 1 ? named[0] : word("host"), operation: word("operation"), by: word("by"),
    rollout: word("rollout"),
  };
}

const HOST = /^[a-z0-9-]{1,36}\/[a-z0-9-]{1,36}$/;

/**
 * Whether the controller is asked for less than what the filter means: what it answers is looked through here.
 * @param {Pick<JobFilter, "host">} filter
 */
function isPart({ host }) {
  return host !== "" && !HOST.test(host);
}

/**
 * What the controller is asked. A part of a host's name is none to it: `matches` goes by that.
 * @param {JobFilter} filter
 */
export function asked({ state, host, operation, by, rollout }) {
  return {
    state: statesOf(state), host: isPart({ host }) ? null : host || null, operation: operation || null, by: by || null,
    rollout: rollout || null,
  };
}

/**
 * Whether the filter means a job.
 * @param {JobFilter} filter
 * @param {JobView} job
 */
export function matches(filter, job) {
  const states = statesOf(filter.state);
  return (!states.length || states.includes(job.state))
    && (!filter.host || (isPart(filter) ? job.host.includes(filter.host) : job.host === filter.host))
    && (!filter.operation || job.operation === filter.operation) && (!filter.by || job.person === filter.by)
    && (!filter.rollout || job.rollout === filter.rollout);
}

/**
 * The line that lists them in a shell.
 * @param {JobFilter} filter
 */
export function jobsCli({ state, host }) {
  return ["guestwire job list", host, ...statesOf(state).map((one) => `--state ${one}`)].filter(Boolean).join(" ");
}
