/** Where the parts of a host name each other: what a rename changes and a removal leaves behind. The same as formats/project_references.py. Pure. */

/** @typedef {{owner: any, key: string, path: string}} Place where a name stands */

/**
 * Write the new name wherever the old one is referred to.
 * @param {any} document changed
 * @param {string} part "guests", ...
 * @param {string} old
 * @param {string} now
 */
export function follow(document, part, old, now) {
  for (const { owner, key } of single(document, part)) if (owner[key] === old) owner[key] = now;
  if (part !== "guests") return;
  for (const { owner, key } of lists(document)) owner[key] = owner[key].map((/** @type {string} */ name) => (name === old ? now : name));
  for (const area of document.areas ?? []) {
    if (old in (area.overrides ?? {})) {
      area.overrides = Object.fromEntries(Object.entries(area.overrides).map(([name, mode]) => [name === old ? now : name, mode]));
    }
  }
}

/**
 * Take a guest out of where it is one of many.
 * @param {any} document changed
 * @param {string} part
 * @param {string} name
 */
export function forget(document, part, name) {
  if (part !== "guests") return;
  for (const { owner, key } of lists(document)) owner[key] = owner[key].filter((/** @type {string} */ one) => one !== name);
  for (const network of document.networks ?? []) {
    network.members = (network.members ?? []).filter((/** @type {any} */ member) => member.guest !== name);
  }
  for (const area of document.areas ?? []) if (area.overrides) delete area.overrides[name];
}

/**
 * The places of lists that name a guest, with what stands there now: what a removal would change.
 * @param {any} document
 * @param {string} part
 * @param {string} name
 * @returns {{path: string, value: any}[]}
 */
export function named(document, part, name) {
  if (part !== "guests") return [];
  const found = lists(document).filter(({ owner, key }) => owner[key].includes(name)).map(({ owner, key, path }) => ({ path, value: owner[key] }));
  for (const network of document.networks ?? []) {
    if ((network.members ?? []).some((/** @type {any} */ member) => member.guest === name)) {
      found.push({ path: `network."${network.name}".members`, value: network.members });
    }
  }
  for (const area of document.areas ?? []) {
    if (name in (area.overrides ?? {})) found.push({ path: `area."${area.name}".overrides."${name}"`, value: area.overrides[name] });
  }
  return found;
}

/** @param {any} document @param {string} part @returns {Place[]} */
function single(document, part) {
  /** @type {Record<string, () => [any, string][]>} */
  const rows = {
    areas: () => [...(document.queues ?? []), ...(document.locks ?? [])].map((one) => [one, "area"]),
    images: () => (document.guests ?? []).map((/** @type {any} */ one) => [one, "image"]),
    networks: () => (document.guests ?? []).flatMap((/** @type {any} */ one) => (one.nics ?? []).map((/** @type {any} */ nic) => [nic, "network"])),
    guests: () => [
      ...(document.queues ?? []).map((/** @type {any} */ one) => [one, "reader"]),
      ...(document.networks ?? []).flatMap((/** @type {any} */ net) => [
        ...(net.members ?? []).map((/** @type {any} */ one) => [one, "guest"]),
        ...(net.acl ?? []).flatMap((/** @type {any} */ one) => [[one, "src"], [one, "dst"]]),
      ]),
    ],
  };
  return (rows[part]?.() ?? []).map(([owner, key]) => ({ owner, key, path: "" }));
}

/** @param {any} document @returns {Place[]} */
function lists(document) {
  /** @type {Place[]} */
  const found = [];
  for (const one of document.events ?? []) {
    for (const key of ["signal", "wait"]) if (one[key]) found.push({ owner: one, key, path: `event."${one.name}".${key}` });
  }
  for (const one of document.queues ?? []) if (one.writers) found.push({ owner: one, key: "writers", path: `queue."${one.name}".writers` });
  return found;
}
