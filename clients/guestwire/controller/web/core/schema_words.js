/** Words for what a schema names by keys: labels, units, hints, and what a pattern allows. Pure tables and readers. */

/** Labels that do not follow from the key. @type {Record<string, string>} */
const TITLES = {
  acl: "Access rules", arch: "Architecture", boot: "Direct boot", by: "Evidence", cidr: "Address range",
  clone_of: "Copy of", cmdline: "Kernel command line", comm_enabled: "Communication", cpuset: "CPU set",
  dhcp: "Addresses by DHCP", disabled: "Disabled", dns: "DNS servers", dst: "To", gpos_id: "GPOS identifier",
  hide_kvm: "Hide KVM", host_cpuset: "CPUs of the host", hugepages: "Huge pages", hugepages_mib: "Huge page size",
  id: "Identifier", image: "Image", initrd: "Initial RAM disk", initial: "Set at first", ip: "IP address",
  ip_forward: "Forward IP packets", irq_affinity: "CPUs for interrupts", kernel: "Kernel",
  lock_memory: "Locked memory", mac: "MAC address", nics: "Network cards", numatune: "Memory nodes", op: "Change",
  optional: "May find nothing", os_type: "OS type", overrides: "Overrides", port_forwards: "Port forwards",
  read_only: "Read-only", ready_when: "Ready when", remaining_host_memory_mib: "Memory kept for the host",
  rtos_id: "RTOS identifier", sel: "Place (XPath)", services: "Guest services", shares: "Shared folders",
  signal: "May signal", src: "From", topology: "CPU topology", uuid: "UUID", vcpus: "vCPUs", wait: "May wait",
  within_s: "Within", xml: "XML", size: "Size", slot_bytes: "Slot size", min_memory_mib: "Least memory",
  align_mib: "Alignment", default_memory_mib: "Usual memory", dynamic_cpu: "Any CPU for RT guests",
  allow_rt_overlap: "Let guests share RT CPUs", max_comm_guests: "Most guests with communication",
  max_gp_guests: "Most GP guests", on_drift: "On drift", airgap: "Airgap", auto_smp: "Automatic SMP",
  has_rt: "For RT guests", has_comm: "With communication", shm_as_heap: "Shared memory as heap",
  swap_mib: "Swap file",
};

const ACRONYMS = new Map(
  ["OS", "CPU", "RT", "GP", "IP", "MAC", "DNS", "SMP", "ID", "USB", "PCI", "XML"].map(
    (word) => [word.toLowerCase(), word]),
);

/** @type {readonly [RegExp, string][]} */
const UNITS = [[/_mib$/, "MiB"], [/_kib$/, "KiB"], [/_ms$/, "ms"], [/_s$/, "s"], [/_bytes$/, "bytes"],
  [/^bootloader_timeout$/, "s"], [/^size$/, "bytes"]];

/**
 * The label of a key.
 * @param {string} name "memory_mib"
 */
export function titleOf(name) {
  if (TITLES[name]) return TITLES[name];
  const bare = name.replace(/_(mib|kib|ms|s)$/, "");
  const text = bare.split("_").map((word) => ACRONYMS.get(word) ?? word).join(" ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/**
 * The unit that a key says.
 * @param {string} name
 */
export function unitOf(name) {
  return UNITS.find(([ends]) => ends.test(name))?.[1] ?? "";
}

/**
 * What a model's description says of its fields: "`size_mib` is the size ...", or a column of "name   text".
 * @param {string} text
 * @param {readonly string[]} names
 * @returns {Map<string, string>}
 */
export function hintsOf(text, names) {
  const hints = new Map();
  if (!names.length) return hints;
  // a text that puts names in backticks means other words where it does not
  const quote = names.some((one) => text.includes(`\`${one}\``)) ? "`" : "`?";
  const name = `${quote}(?:${names.join("|")})${quote}`;
  const several = `${name}(?:(?:, | and )${name})*`;
  const begins = new RegExp(`(?:^|\\n|[.;]\\s)(${several})(:| {2,}| (?=[a-z0-9"]| None)| None)`, "g");
  const found = [...text.matchAll(begins)];
  found.forEach((one, at) => {
    const from = (one.index ?? 0) + one[0].length;
    const said = text.slice(from, found[at + 1]?.index ?? text.length);
    const none = one[2] === " None" ? "None" : "";
    for (const key of one[1].replaceAll("`", "").split(/, | and /)) {
      if (!hints.has(key)) hints.set(key, told(none + said));
    }
  });
  return hints;
}

/** @param {string} said */
function told(said) {
  const text = said.split(/\n\s*\n/)[0].replaceAll("`", "").replace(/\s+/g, " ")
    .replace(/\((?:SM|KVM-RT|libvirt)[^)]*\)/g, "").replace(/^\s*(?:is|are) /, "")
    .replace(/\bNone:/g, "empty:").replace(/\bNone\b/g, "empty").replace(/ ([,.;:])/g, "$1").trim()
    .replace(/[.;:]$/, "");
  return /^(?:\w+|""):/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1);
}

/** What the patterns of our models allow. @type {Record<string, string>} */
const PATTERNS = {
  "^[0-9a-f]{2}(:[0-9a-f]{2}){5}$": "six pairs of hexadecimal digits in lower case, such as 52:54:00:12:34:56",
  "^[a-z0-9_]{1,16}$": "1 to 16 lower-case letters, digits and _",
  "^([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\\.[0-7]|usb:[0-9a-f]{4}:[0-9a-f]{4})$":
    "a PCI address such as 0000:01:00.0, or usb:VENDOR:PRODUCT such as usb:046d:c31c",
  "^[A-Za-z0-9_.-]{1,15}$": "an interface's name: 1 to 15 letters, digits, _ . and -",
  "^([a-z_][a-z0-9_-]{0,31})?$": "a user's name in lower case, or nothing",
  "^[A-Za-z0-9_.-]{1,36}$": "1 to 36 letters, digits, _ . and -",
  "^[A-Za-z0-9_.-]{1,64}$": "1 to 64 letters, digits, _ . and -",
  "^[a-z0-9_-]{1,32}$": "1 to 32 lower-case letters, digits, _ and -",
  "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$": "a UUID in lower case",
  "^GUEST[0-9]{4}$": "GUEST and four digits",
  "^/[^\\x00-\\x1f\\x7f\\ufffe\\uffff]*$": "a path on the host, which begins with /",
  "^[^\\x00-\\x1f\\x7f\\ufffe\\uffff]*$": "one line of text",
};

/**
 * What a pattern allows, as people say it.
 * @param {string} pattern
 */
export function allowedBy(pattern) {
  return PATTERNS[pattern] ?? `a text that fits ${pattern}`;
}
