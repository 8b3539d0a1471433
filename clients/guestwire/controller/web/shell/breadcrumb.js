/** Where one is, in words: for the bar and the title of the page. */

/** @typedef {{label: string, path: string}} Crumb */

/**
 * @param {import("../core/router.js").Router} router
 * @returns {Crumb[]}
 */
export function crumbs(router) {
  const { route, params } = router;
  if (!route) return [{ label: "No such page", path: router.path }];
  if (!params.host) return [{ label: route.title, path: router.path }];
  const host = `/hosts/${params.site}/${params.host}`;
  /** @type {Crumb[]} */
  const found = [{ label: params.site, path: `/?q=${encodeURIComponent(`site=${params.site}`)}` }, { label: params.host, path: host }];
  if (params.guest) found.push({ label: params.guest, path: `${host}/guests/${encodeURIComponent(params.guest)}` });
  if (params.area) found.push({ label: params.area, path: router.path });
  if (params.event) found.push({ label: params.event, path: router.path });
  return found;
}

/**
 * @param {import("../core/router.js").Router} router
 * @param {import("../core/live.js").Live} live
 */
export function pageTitle(router, live) {
  const { route, params } = router;
  if (!route) return "No such page";
  if (!params.host) return route.title;
  const label = live.get("host", router.host)?.label;
  const what = params.area ?? params.event ?? params.guest ?? "";
  return [what, route.title, label || params.host].filter(Boolean).join(" · ");
}
