/** Numbers and times as people read them. Pure: the time is an argument. */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/**
 * An amount of memory.
 * @param {number | null | undefined} value
 */
export function bytes(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "unknown";
  let unit = 0;
  let amount = value;
  while (Math.abs(amount) >= 1024 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${short(amount)} ${UNITS[unit]}`;
}

/**
 * An amount that is counted in MiB.
 * @param {number | null | undefined} value
 */
export function mib(value) {
  return value === null || value === undefined ? "unknown" : bytes(value * 1024 * 1024);
}

/**
 * Three digits are enough.
 * @param {number | null | undefined} value
 */
export function short(value) {
  if (value === null || value === undefined) return "unknown";
  if (Number.isInteger(value)) return String(value);
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 0.1 ? 2 : 3;
  return String(Number(value.toFixed(digits)));
}

/**
 * @param {number | null | undefined} ratio 0 to 1
 */
export function percent(ratio) {
  return ratio === null || ratio === undefined || !Number.isFinite(ratio) ? "unknown" : `${Math.round(ratio * 100)} %`;
}

/**
 * How long, in the two units that matter.
 * @param {number} ms
 */
export function duration(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (ms > 0 && ms < 1000) return `${Math.round(ms)} ms`;
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 && minutes < 10 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} d`;
}

/**
 * @param {number | null | undefined} at Unix ms
 * @param {number} now Unix ms
 */
export function ago(at, now) {
  if (!at) return "never";
  return at > now + 1500 ? `in ${duration(at - now)}` : now - at < 1500 ? "now" : `${duration(now - at)} ago`;
}

/** Made when it is first needed: it takes a browser longer than all the rest of a start. @type {Intl.DateTimeFormat | null} */
let format = null;

/**
 * A moment, in the browser's time zone.
 * @param {number | null | undefined} at Unix ms
 */
export function time(at) {
  if (!at) return "never";
  format ??= new Intl.DateTimeFormat(undefined, {
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false,
  });
  return format.format(at);
}

/**
 * A count with its noun: "1 host", "3 hosts".
 * @param {number} count
 * @param {string} noun
 * @param {string} [several]
 */
export function counted(count, noun, several = `${noun}s`) {
  return `${count} ${count === 1 ? noun : several}`;
}

/**
 * A host as people know it.
 * @param {{site: string, host: string, label?: string}} host
 */
export function hostName(host) {
  return host.label || host.host;
}
