/** The "More" of a host: what is there beside what is done every day. */

/** @typedef {import("../../core/services.js").Services} Services */

/**
 * @param {Services} services
 * @param {string} host
 * @param {{update: () => void, hardware: () => void, words: () => void}} doing
 * @returns {import("../../parts/menu.js").Item[]}
 */
export function moreItems(services, host, { update, hardware, words }) {
  const follow = (/** @type {string} */ end) => services.router.follow(services.router.hostHref(host, end, { mode: "config" }));
  const edit = services.session.may("draft-edit", host) ? "" : "Your role does not allow this.";
  const label = services.session.may("host-label", host) ? "" : "Your role does not allow this.";
  return [
    { label: "Update device details", run: update },
    { label: "Sync hardware info …", run: hardware, why: edit },
    { label: "Update project templates …", run: () => follow("/templates"), why: edit },
    { label: "Names and labels …", run: words, why: label },
  ];
}
