/** The formats of files that a configuration is taken from and written as, and how one is told by its name and text. */

/** @typedef {"guestwire" | "kvmrt" | "libvirt" | "templates"} Format */

/** @type {readonly {value: Format, label: string, ends: readonly string[]}[]} */
export const FORMATS = [
  { value: "guestwire", label: "Project file (.toml, .hwc)", ends: [".toml", ".hwc"] },
  { value: "kvmrt", label: "KVM-RT configuration (kvmrt.cfg)", ends: [".cfg"] },
  { value: "libvirt", label: "libvirt domains (.xml)", ends: [".xml"] },
  { value: "templates", label: "Images and OS templates (os.xml, images.xml, .toml)", ends: [] },
];

/** What a file dialog offers. */
export const ACCEPTED = ".toml,.hwc,.cfg,.xml,text/plain,application/xml,application/toml";

/** What tells a format by its text, before its name. @type {readonly [RegExp, Format][]} */
const SIGNS = [
  [/<domain[\s>]/, "libvirt"],
  [/<(OsTemplates|Images|OS|Image|Templates?)[\s>]/i, "templates"],
  [/^\s*\[hosts[.\]]/m, "guestwire"],
  [/^\s*schema\s*=/m, "guestwire"],
  [/^\s*\[(images|templates)[.\]]/m, "templates"],
];

/**
 * What a file probably is.
 * @param {string} name
 * @param {string} text
 * @returns {Format}
 */
export function formatOf(name, text) {
  const sign = SIGNS.find(([pattern]) => pattern.test(text));
  if (sign) return sign[1];
  const lower = name.toLowerCase();
  return FORMATS.find((one) => one.ends.some((end) => lower.endsWith(end)))?.value ?? "guestwire";
}

/**
 * A name for a project of what a file is called.
 * @param {string} name
 */
export function projectName(name) {
  const plain = name.replace(/\.[^.]*$/, "").replace(/[^A-Za-z0-9_.-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "");
  return plain.slice(0, 63) || "project";
}
