/** The rows of the navigator: what is in the tree, in its order. No elements. */

import { pathText } from "../core/edit_paths.js";

/** How high a row is, as shell.css has it. */
export const ROW = 27;

const COLLATOR = new Intl.Collator(undefined, { numeric: true });

/**
 * @typedef {object} TreeRow
 * @property {string} id
 * @property {number} level from 1
 * @property {string} label
 * @property {string} path
 * @property {string} note what stands at the right
 * @property {string} state the same for who does not see the glyph; empty: none
 * @property {"host" | "guest" | ""} glyph
 * @property {boolean | null} open null: nothing is below it
 * @property {boolean} dirty its draft differs from the host
 * @property {number} size how many are beside it, itself included
 * @property {number} place among them, from 1
 */
/** @typedef {{id: string, label: string, path: string, note?: string, state?: string, glyph?: "host" | "guest" | "", dirty?: boolean, below?: Branch[]}} Branch */

/**
 * What is open: what somebody opened, and what leads to the page; a "-" before a name is somebody's closing of that.
 * @param {ReadonlySet<string>} chosen
 * @param {import("../core/router.js").Router} router
 * @returns {(id: string) => boolean}
 */
export function opened(chosen, router) {
  const { params, host, path } = router;
  const led = new Set();
  if (host) {
    led.add(`site ${params.site}`).add(host);
    for (const end of ["guests", "areas", "events"]) if (path.includes(`/${end}`)) led.add(`${host} ${end}`);
    led.add(`${host} guests`);
  }
  return (id) => !chosen.has(`-${id}`) && (chosen.has(id) || led.has(id));
}

/**
 * What a host has, below its row.
 * @param {string} host "site/host"
 * @param {{data: import("../core/hosts.js").HostData, draft: import("../core/drafts.js").Draft}} known
 * @param {boolean} config whether the draft is shown
 * @returns {Branch[]}
 */
export function branches(host, { data, draft }, config) {
  const path = `/hosts/${host}`;
  const shown = draft.shown;
  const seen = data.detail?.guest_list ?? [];
  const names = config && shown ? shown.guests.map((/** @type {any} */ one) => one.name) : seen.map((one) => one.name);
  /** @param {string} noun @param {string} name */
  const dirty = (noun, name) => config && draft.changed(pathText([noun, name]));
  const count = (/** @type {string} */ of) => String(shown?.[of]?.length ?? "");
  return [
    { id: `${host} guests`, label: "Guests", path: `${path}/guests`, note: String(names.length || ""), below: names.map((/** @type {string} */ name) => {
      const state = data.guest(name)?.state ?? "not on the host";
      return { id: `${host} guest ${name}`, label: name, path: `${path}/guests/${encodeURIComponent(name)}`, note: state, state, glyph: "guest", dirty: dirty("guest", name) };
    }) },
    { id: `${host} areas`, label: "Memory areas", path: `${path}/areas`, note: count("areas"), below: named(host, path, "area", shown?.areas, dirty) },
    { id: `${host} events`, label: "Events", path: `${path}/events`, note: count("events"), below: named(host, path, "event", shown?.events, dirty) },
    { id: `${host} networks`, label: "Networks", path: `${path}/network`, note: count("networks") },
    { id: `${host} devices`, label: "Devices", path: `${path}/devices`, note: String(data.inventory?.topology?.devices?.length ?? "") },
  ];
}

/**
 * @param {string} host @param {string} path @param {string} noun @param {any[] | undefined} entries
 * @param {(noun: string, name: string) => boolean} dirty
 * @returns {Branch[]}
 */
function named(host, path, noun, entries, dirty) {
  return (entries ?? []).map((one) => ({
    id: `${host} ${noun} ${one.name}`, label: one.name, path: `${path}/${noun}s/${encodeURIComponent(one.name)}`, dirty: dirty(noun, one.name),
  }));
}

/**
 * @param {{hosts: any[], drafts: ReadonlyMap<string, any>, filter: string, open: (id: string) => boolean, branch: (host: string) => Branch[]}} what
 * @returns {TreeRow[]}
 */
export function rows({ hosts, drafts, filter, open, branch }) {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = hosts.filter((host) => {
    const text = `${host.site} ${host.host} ${host.label} ${host.state} ${Object.values(host.labels).join(" ")}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const sites = [...new Set(wanted.map((host) => host.site))].sort();
  /** @type {Branch[]} */
  const top = sites.map((site) => {
    const here = wanted.filter((host) => host.site === site).sort((one, other) => COLLATOR.compare(order(one), order(other)));
    return { id: `site ${site}`, label: site, path: `/?q=${encodeURIComponent(`site=${site}`)}`, note: String(here.length), below: here.map((host) => {
      const name = `${host.site}/${host.host}`;
      const draft = drafts.get(name);
      return {
        id: name, label: host.label || host.host, path: `/hosts/${name}`, note: host.state === "online" ? "" : host.state, state: host.state, glyph: "host",
        dirty: draft?.state === "dirty" || draft?.state === "diverged", below: open(name) ? branch(name) : [NOT_READ],
      };
    }) };
  });
  // one site, or a filter: what one looks for is not behind a click
  const all = words.length > 0 || sites.length === 1;
  /** @type {TreeRow[]} */
  const made = [];
  walk(top, 1, (id) => open(id) || (all && id.startsWith("site ") && !open(`-${id}`)), made);
  return made;
}

/** Stands for what is below a host that was not opened yet. @type {Branch} */
const NOT_READ = { id: "", label: "", path: "" };

/** @param {any} host */
const order = (host) => host.label || host.host;

/**
 * @param {Branch[]} several @param {number} level @param {(id: string) => boolean} open @param {TreeRow[]} made
 */
function walk(several, level, open, made) {
  for (const [at, one] of several.entries()) {
    const is = one.below?.length ? open(one.id) : null;
    made.push({
      id: one.id, level, label: one.label, path: one.path, note: one.note ?? "", state: one.state ?? "", glyph: one.glyph ?? "",
      open: is, dirty: one.dirty ?? false, size: several.length, place: at + 1,
    });
    if (is && one.below && one.below[0] !== NOT_READ) walk(one.below, level + 1, open, made);
  }
}
