/** The pools of huge pages of a host: what is wanted, what there is, what is free. A template; the draft takes the edits. */

import { html, nothing } from "lit";
import { mib } from "../../core/format.js";
import { pools } from "../../core/memory_map.js";
import { tableHead } from "./table_head.js";

const MOST_PAGES = 1 << 20;

/**
 * @param {{desired: any, draft: import("../../core/drafts.js").Draft, topology: any, editable: boolean, compare: boolean,
 *   live: ReadonlyMap<string, number>, sizes: readonly number[], services: import("../../core/services.js").Services}} shown
 */
export function hugePages({ desired, draft, topology, editable, compare, live, sizes, services }) {
  const wanted = desired.settings?.hugepages ?? [];
  const found = pools(desired, topology);
  const save = (/** @type {any[]} */ value) => draft.edit([{ op: "set", path: "settings.hugepages", value }]);
  const changed = compare && draft.changed("settings.hugepages");
  return html`<section class="panel ${changed ? "changed" : ""}" data-path="settings.hugepages"><h2>Huge pages</h2>
    ${found.length ? html`<div class="scroll-x"><table class="table"><caption class="sr">Pools of huge pages</caption>
      ${tableHead(["Size of a page", "NUMA node", "Pages", "Memory", "On the host now"], {
        numbers: ["Pages", "Memory"], live: ["On the host now"], actions: true,
      })}
      <tbody>${found.map((pool, place) => html`<tr>
        <th scope="row">${mib(pool.size)}</th><td>${pool.node ?? "all"}</td>
        <td class="end num">${editable && place < wanted.length ? pages(pool, (count) => save(with_(wanted, place, count))) : pool.pages}</td>
        <td class="end num">${mib(pool.pages * pool.size)}</td><td class="live wider">${now(pool, live, topology)}</td>
        <td>${place >= wanted.length ? html`<span class="muted">not set by this configuration</span>`
          : editable ? html`<button type="button" class="button quiet" aria-label="Remove the pool of ${mib(pool.size)} on node ${pool.node ?? "all"}"
            @click=${() => save(wanted.filter((/** @type {any} */ _, /** @type {number} */ at) => at !== place))}>Remove</button>` : nothing}</td></tr>`)}</tbody>
    </table></div>` : html`<p class="muted">No huge pages are kept: guests have ordinary pages.${
      editable ? " Add a pool, then give a guest huge pages on its page." : ""}</p>`}
    ${changed ? html`<p class="muted">Was: ${said(draft.before("settings.hugepages"))}</p>` : nothing}
    ${editable ? add(wanted, topology, sizes, save, services) : nothing}</section>`;
}

/**
 * @param {any[]} wanted
 * @param {number} place
 * @param {number} count
 */
function with_(wanted, place, count) {
  return wanted.map((pool, at) => (at === place ? { ...pool, pages: count } : pool));
}

/** @param {any[] | undefined} list */
function said(list) {
  return list?.length ? list.map((pool) => `${pool.pages} of ${mib(pool.size_mib)} on ${pool.node ?? "all"}`).join(", ") : "none";
}

/**
 * @param {import("../../core/memory_map.js").Pool} pool
 * @param {(count: number) => void} save
 */
function pages(pool, save) {
  return html`<input class="num memory-size" type="number" min="0" max=${MOST_PAGES} .value=${String(pool.pages)}
    aria-label="Pages of ${mib(pool.size)} on node ${pool.node ?? "all"}" @change=${(/** @type {any} */ event) => {
      const count = Number(event.target.value);
      if (Number.isInteger(count) && count >= 0 && count <= MOST_PAGES) save(count);
      else event.target.value = String(pool.pages);
    }}>`;
}

/**
 * @param {import("../../core/memory_map.js").Pool} pool
 * @param {ReadonlyMap<string, number>} live
 * @param {any} topology
 */
function now(pool, live, topology) {
  const nodes = topology.nodes.filter((/** @type {any} */ node) => pool.node === null || node.id === pool.node);
  let [free, total, known] = [0, 0, false];
  for (const node of nodes) {
    const label = `${node.id} ${pool.size * 1024 * 1024}`;
    const read = node.hugepages.find((/** @type {any} */ one) => one.size_kib === pool.size * 1024);
    const count = live.get(`guestwire_node_hugepages ${label}`) ?? read?.total;
    if (count === undefined) continue;
    known = true;
    total += count;
    free += live.get(`guestwire_node_hugepages_free ${label}`) ?? read?.free ?? 0;
  }
  return known ? `${free} of ${total} free` : "none yet";
}

/**
 * @param {any[]} wanted
 * @param {any} topology
 * @param {readonly number[]} sizes
 * @param {(value: any[]) => void} save
 * @param {import("../../core/services.js").Services} services
 */
function add(wanted, topology, sizes, save, services) {
  const nodes = topology.nodes.map((/** @type {any} */ node) => node.id);
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const given = new FormData(form);
    const node = given.get("node") === "" ? null : Number(given.get("node"));
    const pool = { size_mib: Number(given.get("size")), pages: Number(given.get("pages")), ...(node === null ? {} : { node }) };
    if (wanted.some((one) => one.size_mib === pool.size_mib && (one.node ?? null) === node)) {
      services.say.info("There is a pool of this size on this node already: change its pages.");
      return;
    }
    save([...wanted, pool]);
    form.reset();
  };
  return html`<form class="toolbar" @submit=${submit} aria-label="Add a pool of huge pages">
    <label>Page <select name="size">${(sizes.length ? sizes : [2, 1024]).map((size) => html`<option value=${size}>${mib(size)}</option>`)}</select></label>
    <label>Node <select name="node"><option value="">all</option>${nodes.map((/** @type {number} */ id) => html`<option value=${id}>${id}</option>`)}</select></label>
    <label>Pages <input class="memory-size num" name="pages" type="number" min="1" max=${MOST_PAGES} value="1" required></label>
    <button class="button">Add pool</button></form>`;
}
