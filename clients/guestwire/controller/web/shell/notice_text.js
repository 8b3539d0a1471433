/** A notice of a host in one line. */

/** What is told of a notice, the telling fields first. */
const FIRST = ["guest", "name", "state", "was", "operation", "code", "message", "text", "reason"];

/**
 * @param {{event: string, said: Record<string, any>}} notice
 * @returns {string}
 */
export function noticeText({ event, said }) {
  const known = FIRST.filter((name) => name in said && isPlain(said[name]));
  const rest = Object.keys(said).filter((name) => !FIRST.includes(name) && isPlain(said[name])).slice(0, 4);
  const words = [...known, ...rest].map((name) => (["message", "text"].includes(name) ? said[name] : `${name} ${said[name]}`));
  return [event.replaceAll("-", " "), ...words].join(" · ");
}

/** @param {any} value */
function isPlain(value) {
  return value !== null && value !== "" && typeof value !== "object";
}
