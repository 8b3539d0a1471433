/** What the palette finds. */

import { match, MENU, SIDE_BY_SIDE, HOST_TABS, ROUTES } from "../core/routes.js";

/** @typedef {{label: string, kind: string, run: () => void, why?: string}} Entry */

const MOST = 30;

/**
 * Everything, what is nearest first.
 * @param {import("../core/services.js").Services} services
 * @returns {Entry[]}
 */
export function entries(services) {
  const { router, live, hosts } = services;
  return [
    ...ofPlace(services),
    ...[...live.map("host").values()].map((host) => ({
      label: host.label && host.label !== host.host ? `${host.label} (${host.site}/${host.host})` : `${host.site}/${host.host}`, kind: `host, ${host.state}`,
      run: () => router.go(`/hosts/${host.site}/${host.host}`),
    })),
    ...(router.host ? (hosts.of(router.host).detail?.guest_list ?? []).map((guest) => ({
      label: guest.name, kind: `guest of ${router.params.host}, ${guest.state}`, run: () => router.follow(router.guestHref(router.host, guest.name)),
    })) : []),
    ...pages(services),
    ...looks(services),
  ];
}

/**
 * Commands and pages of the host or guest that one is at.
 * @param {import("../core/services.js").Services} services
 * @returns {Entry[]}
 */
function ofPlace({ router, commands, drafts }) {
  if (!router.host) return [];
  const guest = router.params.guest;
  const ctx = { host: router.host, guest };
  const draft = drafts.of(router.host);
  return [
    ...(guest ? commands.guest : []).map((one) => ({ label: `${one.label} ${guest}`, kind: "command", why: commands.why(one, ctx), run: () => void commands.run(one, ctx) })),
    ...commands.host.map((one) => ({
      label: `${one.label}: ${router.params.host}`, kind: "command", why: commands.why(one, { host: router.host }), run: () => void commands.run(one, { host: router.host }),
    })),
    { label: "Sync: review and apply", kind: "command", run: () => router.follow(router.hostHref(router.host, "/sync", { mode: "config" })) },
    { label: "Undo the last edit", kind: "command", why: draft.canUndo ? "" : "nothing to undo", run: () => draft.undo() },
    { label: "Redo the edit", kind: "command", why: draft.canRedo ? "" : "nothing to redo", run: () => draft.redo() },
    ...HOST_TABS.map((end) => ({
      label: `${ROUTES.find((one) => one.frame === "host" && one.path.endsWith(`:host${end}`))?.title} of ${router.params.host}`, kind: "page",
      run: () => router.follow(router.hostHref(router.host, end)),
    })),
  ];
}

/** @param {import("../core/services.js").Services} services @returns {Entry[]} */
function pages({ router }) {
  const paths = new Set([...MENU.map((item) => item.path), ...Object.values(SIDE_BY_SIDE).flat(), "/rollouts/new", "/welcome"]);
  return [...paths].map((path) => ({ label: match(path)?.route.title ?? path, kind: "page", run: () => router.go(path, { mode: null }) }));
}

/** @param {import("../core/services.js").Services} services @returns {Entry[]} */
function looks({ prefs, router, session }) {
  return [
    ...["light", "dark", "system"].map((theme) => ({ label: `Theme: ${theme}`, kind: "command", run: () => prefs.set("theme", theme) })),
    { label: "Config mode", kind: "command", run: () => router.set({ mode: "config" }) },
    { label: "Run mode", kind: "command", run: () => router.set({ mode: null }) },
    { label: "Sign out", kind: "command", run: () => void session.logOut() },
  ];
}

/**
 * Those that have all words, the ones that begin with them first.
 * @param {readonly Entry[]} all
 * @param {string} text
 * @returns {Entry[]}
 */
export function found(all, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return all.slice(0, MOST);
  /** @type {[number, Entry][]} */
  const several = [];
  for (const entry of all) {
    const label = `${entry.label} ${entry.kind}`.toLowerCase();
    if (!words.every((word) => label.includes(word))) continue;
    several.push([label.startsWith(words[0]) ? 0 : label.includes(` ${words[0]}`) ? 1 : 2, entry]);
  }
  return several.sort(([one], [other]) => one - other).slice(0, MOST).map(([, entry]) => entry);
}
