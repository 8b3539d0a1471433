/** The memory map as a bar, its legend, and words for its parts. Pure templates. */

import { html } from "lit";
import { mib } from "../../core/format.js";
import { colourOf } from "./cpu_grid.js";

/** @typedef {import("../../core/memory_map.js").MemoryMap} MemoryMap */
/** @typedef {import("../../core/memory_map.js").Part} Part */

/** @type {Record<Part["kind"], (part: Part) => string>} */
const WORDS = {
  host: () => "Host kernel + services",
  guest: (part) => part.page ? `${mib(part.page)} huge pages ${part.name}` : part.name,
  area: (part) => `shm ${part.name}`,
  heap: (part) => `heap of ${part.name}`,
  pool: (part) => `Free ${mib(part.page)} huge pages`,
  free: () => "Free",
  short: () => "Too much by",
};

/** @param {Part} part */
export function partWord(part) {
  return WORDS[part.kind](part);
}

/**
 * The colour of each part: guests as in the CPU matrix, by their place in the configuration.
 * @param {Part} part
 * @param {readonly string[]} guests names, in the document's order
 */
export function partClass(part, guests) {
  return part.kind === "guest" ? colourOf(Math.max(0, guests.indexOf(part.name))) : part.kind;
}

/**
 * A bar with its heading and legend.
 * @param {MemoryMap} map
 * @param {string} title
 * @param {readonly string[]} guests
 */
export function memoryBar(map, title, guests) {
  const parts = map.parts.filter((part) => part.mib > 0);
  const said = parts.map((part) => `${partWord(part)} ${mib(Math.round(part.mib))}`);
  return html`<section class="memory-map">
    <h2>${title}</h2>
    <div class="memory-bar" role="img" aria-label="${title}: ${said.join(", ")}">${parts.map((part, place) => html`
      <span class="memory-part ${partClass(part, guests)}" title=${said[place]} .style=${`flex-grow: ${part.mib}`}></span>`)}</div>
    <ul class="memory-legend" aria-hidden="true">${parts.map((part, place) => html`
      <li><i class="memory-part ${partClass(part, guests)}"></i>${said[place]}</li>`)}</ul>
  </section>`;
}

/**
 * The bars of a host: one where it has one node, else one of the whole and one of what is bound to each node.
 * @param {MemoryMap} map
 * @param {readonly {id: number, map: MemoryMap}[]} nodes
 * @param {readonly string[]} guests
 */
export function memoryBars(map, nodes, guests) {
  if (nodes.length < 2) return memoryBar(map, `Memory map · ${mib(map.total)}, NUMA ${nodes[0]?.id ?? 0}`, guests);
  return html`${memoryBar(map, `Memory map · ${mib(map.total)}, all nodes`, guests)}
    ${nodes.map((node) => memoryBar(node.map, `NUMA ${node.id} · ${mib(node.map.total)}, what is bound to it`, guests))}`;
}
