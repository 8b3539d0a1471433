/** Which sites there are, and which hosts of one may be configured, by the live state. Pure reads. */

/** @typedef {{map(kind: string): ReadonlyMap<string, any>}} LiveMaps */
/** @typedef {import("../../types/api.js").components["schemas"]["HostSummary"]} HostSummary */

/**
 * @param {LiveMaps} live
 * @returns {string[]}
 */
export function sitesOf(live) {
  const sites = new Set();
  for (const host of live.map("host").values()) sites.add(host.site);
  for (const one of live.map("connection").values()) sites.add(one.site);
  return [...sites].sort();
}

/**
 * The hosts of a site that were let in, by name; of every site where none is named.
 * @param {LiveMaps} live
 * @param {string} [site]
 * @returns {HostSummary[]}
 */
export function hostsOfSite(live, site) {
  return [...live.map("host").values()]
    .filter((one) => (!site || one.site === site) && one.approval === "approved")
    .sort((one, other) => `${one.site}/${one.host}`.localeCompare(`${other.site}/${other.host}`, "en",
      { numeric: true }));
}
