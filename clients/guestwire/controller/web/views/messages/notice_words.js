/** What a notice of a host says, in words, and how much it matters. Pure. */

/** @typedef {import("../../types/api.js").components["schemas"]["NoticeShown"]} Notice */
/** @typedef {"debug" | "info" | "warning" | "error"} Level */

/** @type {readonly Level[]} each and those after it */
export const LEVELS = ["debug", "info", "warning", "error"];

/** @type {readonly {id: Notice["notice_class"], label: string}[]} */
export const CLASSES = [
  { id: "guest", label: "Guests" }, { id: "comm", label: "Communication" }, { id: "config", label: "Configuration" },
  { id: "audit", label: "Refused" }, { id: "alarm", label: "Alarms" },
];

/** Hosts number notices in these; the others are "notice". @type {Record<string, string>} */
const SPOOLS = { audit: "audit", alarm: "alarm" };

/**
 * What makes a notice the same one, by whichever way it came.
 * @param {Pick<Notice, "site" | "host" | "notice_class" | "said">} one
 */
export function keyOf({ site, host, notice_class, said }) {
  return `${site}/${host} ${SPOOLS[notice_class] ?? "notice"} ${said.log} ${said.seq}`;
}

/**
 * A notice of the stream, with the shape that it has in lists. It has no id there.
 * @param {Record<string, any>} document
 * @returns {Notice}
 */
export function ofStream(document) {
  const { site, host, came_at, ...said } = document;
  return { id: 0, site, host, came_at, notice_class: said.class, at: said.at, event: said.event, said };
}

/**
 * The newest first, as they came.
 * @param {Notice} one
 * @param {Notice} other
 */
export function newestFirst(one, other) {
  return other.came_at - one.came_at || other.at - one.at || Number(other.said.seq) - Number(one.said.seq);
}

/** How much a notice matters that says nothing of it itself. @type {Record<string, Level>} */
const OF_CLASS = { guest: "info", comm: "info", config: "info", audit: "warning", alarm: "warning" };

/**
 * @param {Notice} one
 * @returns {Level}
 */
export function levelOf(one) {
  const { level, state } = one.said;
  if (LEVELS.includes(/** @type {Level} */ (level))) return /** @type {Level} */ (level);
  if (one.notice_class === "guest" && state === "crashed") return "error";
  return OF_CLASS[one.notice_class] ?? "info";
}

/** @type {Record<string, (said: Record<string, any>) => string>} */
const SENTENCES = {
  guest: (said) => join(said.name, said.before && said.state ? `${said.before} → ${said.state}`
    : said.state ?? said.before, said.reason),
  comm: (said) => join(said.guest, said.name, said.count > 1 ? `${said.count} times` : "", said.code),
  audit: (said) => join(said.client, said.code, said.count > 1 ? `${said.count} times` : ""),
  alarm: (said) => join(said.code, said.remedy),
};

/**
 * A notice in a line.
 * @param {Notice} one
 */
export function sentence(one) {
  const { said } = one;
  const more = SENTENCES[one.notice_class]?.(said) ?? "";
  return join(said.text, more === said.text ? "" : more) || one.event;
}

/** @param {...unknown} parts */
function join(...parts) {
  return parts.filter((part) => part !== undefined && part !== null && part !== "").join(", ");
}

/**
 * @typedef {object} Wanted
 * @property {string} host "site/host"; empty: all
 * @property {ReadonlySet<string>} classes empty: all
 * @property {string} level and those above it
 * @property {string} text
 */

/**
 * Whether somebody wants to see it.
 * @param {Notice} one
 * @param {Wanted} wanted
 */
export function fits(one, wanted) {
  if (wanted.host && `${one.site}/${one.host}` !== wanted.host) return false;
  if (wanted.classes.size && !wanted.classes.has(one.notice_class)) return false;
  if (LEVELS.indexOf(levelOf(one)) < LEVELS.indexOf(/** @type {Level} */ (wanted.level || "debug"))) return false;
  if (!wanted.text) return true;
  const text = `${one.site}/${one.host} ${one.event} ${sentence(one)}`.toLowerCase();
  return wanted.text.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/**
 * A level that somebody wrote into an address.
 * @param {string | null} text
 * @param {Level} otherwise where it is none
 * @returns {Level}
 */
export function levelIn(text, otherwise) {
  const level = /** @type {Level} */ (text);
  return LEVELS.includes(level) ? level : otherwise;
}
