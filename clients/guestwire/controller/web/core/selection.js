/**
 * The words of a selection of hosts, as far as a browser needs them: is it plain words, what they find, and how a term is written.
 * What a selection means is the controller's to say (GET /hosts?q=): nothing here decides which hosts a job reaches.
 */

/** @typedef {import("../types/api.js").components["schemas"]["HostSummary"]} HostSummary */

const KEYWORD = /^(and|or|not|has)$/i;
const OPERATOR = /[=<>!()"\\]/;
const PLAIN = /^[^\s()"=!<>\\]+$/;

/**
 * Whether it is only words, which are searched for in what is known of a host: the browser may show at once what it finds.
 * @param {string} text
 */
export function isWords(text) {
  return !OPERATOR.test(text) && !split(text).some((word) => KEYWORD.test(word));
}

/**
 * The hosts in whose texts every word is, as the browser knows them.
 * @param {Iterable<HostSummary>} hosts
 * @param {string} text
 * @returns {HostSummary[]}
 */
export function byWords(hosts, text) {
  const words = split(text.toLowerCase());
  const all = [...hosts];
  return words.length ? all.filter((host) => words.every((word) => textOf(host).includes(word))) : all;
}

/** @type {WeakMap<object, string>} */
const texts = new WeakMap();

/** @param {HostSummary} host */
function textOf(host) {
  let text = texts.get(host);
  if (text === undefined) {
    const labels = Object.entries(host.labels).map(([name, value]) => `${name}=${value}`);
    text = [
      host.site, host.host, host.label, ...labels, host.hostname, host.kernel, host.machine, host.driver, host.agent_version,
      host.state, host.approval, host.sync,
    ].join("\n").toLowerCase();
    texts.set(host, text);
  }
  return text;
}

/**
 * A term: `label.line=3`, the value in quotes where it must be.
 * @param {string} field
 * @param {string} value
 * @param {string} [operator]
 */
export function term(field, value, operator = "=") {
  return `${field}${operator}${quoted(value)}`;
}

/**
 * A value as a selection has it.
 * @param {string} value
 */
export function quoted(value) {
  const plain = PLAIN.test(value) && !KEYWORD.test(value) && !value.includes("*");
  return plain ? value : `"${value.replace(/[\\"]/g, "\\$&")}"`;
}

/**
 * Two selections that must both hold.
 * @param {string} one
 * @param {string} other
 */
export function both(one, other) {
  const parts = [one, other].map((part) => part.trim()).filter(Boolean);
  if (parts.length < 2) return parts[0] ?? "";
  return parts.map((part) => (split(part).some((word) => /^or$/i.test(word)) ? `(${part})` : part)).join(" ");
}

/**
 * Just these hosts: every one by its site and name.
 * @param {readonly string[]} keys "site/host"
 */
export function ofHosts(keys) {
  const each = keys.map((key) => {
    const [site, host] = key.split("/");
    return `(site=${site} host=${host})`;
  });
  return each.join(" or ");
}

/**
 * The words between white space; what is in quotes is one of them.
 * @param {string} text
 */
function split(text) {
  return text.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
}
