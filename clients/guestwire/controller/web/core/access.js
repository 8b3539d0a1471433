/**
 * Access modes of memory areas, and who takes part in communication: the controller's own rules (model/access.py,
 * model/guest.py). Pure.
 */

/** @typedef {{read: boolean, write: boolean, cached: boolean}} Access */
/**
 * @typedef {{name: string, kind?: string, size: number, default_access: string, overrides: Record<string, string>}}
 * Area
 */

export const NONE = "----";
export const SYSTEM_AREA = "RtosLibMsgQueue";
/** In an access list: the processes on the host, and the cloud. */
export const OTHERS = ["HOST", "REMOTE"];

/**
 * The positions that somebody chooses; the fourth is reserved. @type {readonly {key: keyof Access, letter: string,
 * label: string}[]}
 */
export const POSITIONS = [
  { key: "read", letter: "R", label: "Read" }, { key: "write", letter: "W", label: "Write" },
    { key: "cached", letter: "C", label: "Cached" },
];

/**
 * The mode of a text: three or four characters. What is no mode has no access.
 * @param {string} text
 * @returns {Access}
 */
export function read(text) {
  return { read: text[0] === "R", write: text[1] === "W", cached: text[2] === "C" };
}

/**
 * The four characters of a mode.
 * @param {Access} access
 */
export function written(access) {
  return `${POSITIONS.map((one) => (access[one.key] ? one.letter : "-")).join("")}-`;
}

/**
 * A mode with one position changed. Who writes reads too; who does not read does not write.
 * @param {string} mode
 * @param {keyof Access} key
 * @param {boolean} on
 */
export function withPosition(mode, key, on) {
  const access = { ...read(mode), [key]: on };
  if (key === "write" && on) access.read = true;
  if (key === "read" && !on) access.write = false;
  return written(access);
}

/**
 * The mode that holds for somebody: the override, else the default.
 * @param {Area} area
 * @param {string} who a guest's name, HOST or REMOTE
 */
export function effective(area, who) {
  return area.overrides?.[who] ?? area.default_access ?? "RWC-";
}

/**
 * What a mode means, in words.
 * @param {string} mode
 */
export function meaning(mode) {
  const access = read(mode);
  const words = POSITIONS.filter((one) => access[one.key]).map((one) => one.label.toLowerCase());
  if (!access.read && !access.write) return "no access: the area is not plugged in";
  return words.join(", ");
}

/** @param {Area} area */
export function isSystem(area) {
  return area.kind === "system" || area.name === SYSTEM_AREA;
}

/**
 * Bytes of the region behind an area: a power of two, at least 1 MiB, with room for its header.
 * @param {number} size
 */
export function backingOf(size) {
  let backing = 1 << 20;
  while (backing < size + 4096) backing *= 2;
  return backing;
}

/**
 * Whether a guest takes part in the communication services.
 * @param {{kind: string, comm_enabled: boolean}} guest
 */
export function hasComm(guest) {
  return guest.kind === "rt" || (guest.kind === "gp_comm" && guest.comm_enabled !== false);
}
