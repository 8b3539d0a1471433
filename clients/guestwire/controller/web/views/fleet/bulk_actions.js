/** What can be done with many hosts at once: one table. Pure: what an action is, whom it reaches, how a shell does the same. */

import { word } from "../../core/command_line.js";
import { hostKey } from "./host_columns.js";

/** @typedef {import("../../core/selection.js").HostSummary} HostSummary */
/** @typedef {{hosts: readonly HostSummary[], q: string | null}} Chosen `q`: everything this selection finds, null: these rows */
/** @typedef {{id: string, label: string}} Option a yes or no of the operation's request, of the same name in a shell */
/**
 * @typedef {object} BulkAction
 * @property {string} id
 * @property {string} label
 * @property {string} right what session.may is asked
 * @property {string} text what it does
 * @property {(host: HostSummary) => string} why why a host is left out; empty: it is reached
 * @property {string} [operation] a job for each host
 * @property {readonly Option[]} [options]
 * @property {boolean} [typed] asks for the number of hosts
 * @property {string} command which is given the hosts, or one of them
 */

/** What a selection of every host is where one must be given. */
export const EVERY = "approval=approved";

/** @param {HostSummary} host */
const notLetIn = (host) => (host.approval === "approved" ? "" : `it is ${host.approval}`);

/** @param {HostSummary} host */
const notThere = (host) => notLetIn(host) || (host.state === "online" ? "" : `it is ${host.state}`);

/** @type {readonly BulkAction[]} */
export const BULK_ACTIONS = [
  {
    id: "approve", label: "Approve", right: "host-approve", text: "They are asked from then on, and what they say is kept.",
    why: (host) => (host.approval === "approved" ? "it is approved already" : ""),
    command: "fleet approve",
  },
  {
    id: "label", label: "Set labels", right: "host-label", text: "Groups, roles and alarm rules go by labels. Other labels stay.",
    why: () => "", command: "fleet label",
  },
  {
    id: "guests-boot", label: "Start guests", right: "guests-boot", operation: "guests-boot",
    text: "Each host starts its guests in their order: those whose autostart is on.", why: notLetIn,
    options: [{ id: "all", label: "Every guest that is not disabled, not only those of autostart" }],
    command: "boot",
  },
  {
    id: "guests-shutdown", label: "Shut guests down", right: "guests-shutdown", operation: "guests-shutdown", typed: true,
    text: "Each host asks its guests to shut down, in the reverse of their order.", why: notLetIn,
    options: [
      { id: "serial", label: "One guest after the other" },
      { id: "force", label: "Take the power of those that are not off in time" },
    ],
    command: "shutdown",
  },
  {
    id: "host-reboot", label: "Reboot", right: "host-reboot", operation: "host-reboot", typed: true,
    text: "Each host reboots. It refuses that while guests run, unless forced.", why: notLetIn,
    options: [{ id: "force", label: "Though guests run, and without waiting for them" }],
    command: "host reboot",
  },
  {
    id: "refresh", label: "Read anew", right: "read", text: "The controller reads anew what they have: their machine, guests and configuration.",
    why: notThere, command: "fleet refresh",
  },
  {
    id: "reject", label: "Reject", right: "host-approve", text: "They are turned away: what they say is kept no more.", typed: true,
    why: (host) => (host.approval === "rejected" ? "it is rejected already" : ""),
    command: "fleet reject",
  },
  {
    id: "forget", label: "Forget", right: "host-forget", typed: true, command: "fleet forget",
    text: "They are gone for good: all that was kept of them is forgotten. A host that is there again waits for approval as a new one.",
    why: (host) => (["online", "flapping", "suspect"].includes(host.state) ? "it is there" : ""),
  },
];

/**
 * Who is reached, and who is not and why.
 * @param {BulkAction} action
 * @param {readonly HostSummary[]} hosts
 */
export function reach(action, hosts) {
  /** @type {HostSummary[]} */
  const reached = [];
  /** @type {Map<string, HostSummary[]>} */
  const left = new Map();
  for (const host of hosts) {
    const why = action.why(host);
    if (!why) reached.push(host);
    else left.set(why, [...(left.get(why) ?? []), host]);
  }
  return { reached, left, away: reached.filter((host) => host.state !== "online") };
}

/**
 * The line that does the same in a shell. What one host does has a command of its own; for several there is a rollout.
 * @param {BulkAction} action
 * @param {Chosen} chosen
 * @param {{labels?: string, options?: Record<string, boolean>}} said
 */
export function bulkCli(action, { hosts, q }, { labels = "", options = {} }) {
  const named = hosts.map(hostKey);
  if (action.operation) return operationCli(action, named, q, options);
  if (q !== null && action.id === "approve") return `guestwire fleet approve --select ${word(q)}`;
  const each = q === null ? named.join(" ") : `$(guestwire fleet list -n 100000 ${q ? `${word(q)} ` : ""}-o name)`;
  if (action.id !== "label") return `guestwire ${action.command} ${each}`;
  const words = labels.trim() || "NAME=VALUE";
  return q === null && named.length === 1 ? `guestwire fleet label ${each} ${words}`
    : `for host in ${each}; do guestwire fleet label "$host" ${words}; done`;
}

/**
 * @param {BulkAction} action
 * @param {string[]} named
 * @param {string | null} q
 * @param {Record<string, boolean>} options
 */
function operationCli(action, named, q, options) {
  const on = (action.options ?? []).filter((option) => options[option.id]).map((option) => option.id);
  if (q === null && named.length === 1) {
    return [`guestwire ${action.command} ${named[0].split("/")[1]}`, ...on.map((id) => `--${id}`)].join(" ");
  }
  const body = on.length ? ` --body '${JSON.stringify(Object.fromEntries(on.map((id) => [id, true])))}'` : "";
  const targets = q !== null ? `--select ${word(q || EVERY)}` : named.map((host) => `--host ${host}`).join(" ");
  return `guestwire rollout start ${action.operation} --operation ${action.operation}${body} ${targets}`;
}

/**
 * What labels are to become: `line=3 rack=b`, `line-` takes one away.
 * @param {string} text
 * @returns {{labels: Record<string, string | null>, problem: string}}
 */
export function labelsOf(text) {
  /** @type {Record<string, string | null>} */
  const labels = {};
  for (const [word] of text.matchAll(/(?:"[^"]*"|[^\s"])+/g)) {
    const set = /^([a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)=(.*)$/s.exec(word);
    const away = /^([a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)-$/.exec(word);
    if (set) labels[set[1]] = set[2].replaceAll('"', "");
    else if (away) labels[away[1]] = null;
    else return { labels, problem: `${word} is no label: write NAME=VALUE, or NAME- to take it away.` };
  }
  return { labels, problem: Object.keys(labels).length ? "" : "Write a label, as line=3." };
}
