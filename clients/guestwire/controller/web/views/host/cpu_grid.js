/**
 * <gw-cpu-grid>: the CPU matrix, a row for each CPU and a column for HOST and each guest. It builds its table once for a machine and
 * a set of guests, and after that touches only the cells that are others than before: an edit on 128 CPUs and 10 guests has
 * one frame. It decides nothing: `shown` says what is set, events say what a user wants.
 *
 *   shown    {cpus, plan, before, config, rows, heads}: see Shown
 *   @assign  {key, cpus, on}: put CPUs into a column, or take them out      @vcpus  {key, value}      @frozen  asked to edit in Run mode
 */

import { HOST, between, kindWord, policy } from "../../core/cpu_plan.js";
import { pathText } from "../../core/edit_paths.js";
import { issueTitle, worst } from "./issue_list.js";
import { Painting } from "./cpu_painting.js";

/** @typedef {import("../../core/cpuset.js").Cpu} Cpu */
/** @typedef {import("../../core/cpu_plan.js").CpuPlan} CpuPlan */
/** @typedef {import("../../core/cpu_plan.js").Column} Column */
/** @typedef {import("./issue_list.js").Issue} Issue */
/**
 * @typedef {object} Shown
 * @property {readonly Cpu[]} cpus in the order of their rows
 * @property {CpuPlan} plan
 * @property {CpuPlan | null} before what the host has, to tint what differs
 * @property {boolean} config whether cells can be edited
 * @property {Map<number, Issue[]>} rows issues by CPU
 * @property {Map<string, Issue[]>} heads issues by column
 */

const COLOURS = 6;
const GLYPHS = { E: " ✕", W: " ▲", "": "" };

export class CpuGrid extends HTMLElement {
  constructor() {
    super();
    /** @type {Shown | null} */
    this._shown = null;
    this._shape = "";
    /** @type {HTMLButtonElement[][]} */
    this._cells = [];
    /** @type {string[][]} what each cell shows now */
    this._states = [];
    /** @type {HTMLElement[]} */
    this._policies = [];
    /** @type {HTMLElement[]} */
    this._names = [];
    /** @type {HTMLElement[]} */
    this._heads = [];
    /** @type {(HTMLInputElement | null)[]} */
    this._counts = [];
    /** @type {Map<number, {text: Text, bar: HTMLElement, last: string}>} */
    this._loads = new Map();
    /** @type {Map<number, number>} */
    this._ratios = new Map();
    /** @type {Painting | null} */
    this._painting = null;
  }

  /** @param {Shown} shown */
  set shown(shown) {
    this._shown = shown;
    const shape = JSON.stringify([
      shown.config, shown.plan.columns.map((one) => [one.key, one.kind]), shown.cpus.map((cpu) => [cpu.id, cpu.core, cpu.node, cpu.kind]),
    ]);
    if (shape !== this._shape) this._build(shown);
    this._shape = shape;
    this._update(shown);
  }

  /** @returns {Shown | null} */
  get shown() {
    return this._shown;
  }

  /**
   * How busy CPUs are; only what changed is touched.
   * @param {Map<number, number>} ratios 0 to 1 by CPU
   */
  set loads(ratios) {
    this._ratios = ratios;
    for (const [cpu, cell] of this._loads) {
      const ratio = ratios.get(cpu);
      const text = ratio === undefined ? "–" : `${Math.round(Math.min(1, Math.max(0, ratio)) * 100)} %`;
      if (text === cell.last) continue;
      cell.last = text;
      cell.text.data = text;
      cell.bar.style.setProperty("width", ratio === undefined ? "0" : text.replace(" ", ""));
    }
  }

  /** @param {Shown} shown */
  _build(shown) {
    const nodes = new Set(shown.cpus.map((cpu) => cpu.node)).size > 1;
    const table = make("table", "cpu-matrix");
    table.setAttribute("role", "grid");
    table.setAttribute("aria-label", "CPUs and who has them");
    table.setAttribute("aria-readonly", String(!shown.config));
    const head = make("tr");
    for (const [word, kind] of [["CPU", ""], ["Type", ""], ["Core", "num"], ...(nodes ? [["Node", "num"]] : []), ["Load", "num"]]) {
      head.append(header(word, kind));
    }
    this._counts = [];
    this._heads = shown.plan.columns.map((column) => this._columnHead(column, shown.config));
    head.append(...this._heads, header("Policy", ""));
    table.append(make("thead", "", [head]));
    this._cells = [];
    this._states = [];
    this._policies = [];
    this._names = [];
    this._loads = new Map();
    const body = make("tbody");
    shown.cpus.forEach((cpu, row) => body.append(this._row(shown, cpu, row, nodes)));
    table.append(body);
    this.replaceChildren(table);
    this._painting = new Painting(body, this._sheet(shown.plan.columns.length));
    this._painting.settle();
    this.loads = this._ratios;
  }

  /**
   * @param {Column} column
   * @param {boolean} config
   */
  _columnHead(column, config) {
    const head = make("th", "cpu-col");
    head.setAttribute("scope", "col");
    head.dataset.path = column.kind === "host" ? "host_cpuset" : pathText(["guests", column.key, "cpuset"]);
    const name = make("span", "cpu-name", [column.label]);
    name.tabIndex = -1; // where a link to this set leads
    head.append(name);
    const texts = make("span", "cpu-vcpus", [""]);
    if (column.kind === "host" || !config) {
      this._counts.push(null);
      head.append(texts);
      return head;
    }
    const count = document.createElement("input");
    count.type = "number";
    count.min = "1";
    count.max = "1024";
    count.className = "cpu-count num";
    count.setAttribute("aria-label", `vCPUs of ${column.label}`);
    count.title = "How many vCPUs the guest has";
    count.addEventListener("change", () => {
      const value = Number(count.value);
      if (Number.isInteger(value) && value >= 1 && value <= 1024) this._say("vcpus", { key: column.key, value });
      else count.value = count.defaultValue;
    });
    this._counts.push(count);
    const label = make("label", "cpu-vcpus", [count, " vCPU"]);
    label.dataset.path = pathText(["guests", column.key, "vcpus"]);
    head.append(label);
    return head;
  }

  /**
   * @param {Shown} shown
   * @param {Cpu} cpu
   * @param {number} row
   * @param {boolean} nodes
   */
  _row(shown, cpu, row, nodes) {
    const line = row ? between(shown.cpus[row - 1], cpu) : "";
    const tr = make("tr", line);
    const name = make("th", "cpu-id", [`CPU${cpu.id}`]);
    name.setAttribute("scope", "row");
    const mark = make("span", "cpu-mark");
    name.append(mark);
    const text = document.createTextNode("–");
    const bar = make("i");
    const load = make("td", "num cpu-load", [make("span", "", [text]), make("b", "", [bar])]);
    this._loads.set(cpu.id, { text, bar, last: "–" });
    tr.append(name, make("td", "", [kindWord(cpu)]), make("td", "num", [cpu.core === null ? "–" : String(cpu.core)]));
    if (nodes) tr.append(make("td", "num", [String(cpu.node)]));
    tr.append(load);
    const cells = shown.plan.columns.map((column, place) => {
      const cell = document.createElement("button");
      cell.type = "button";
      cell.className = `cpu-cell ${column.kind === "host" ? "host" : colourOf(place - 1)}`;
      cell.setAttribute("role", "checkbox");
      cell.setAttribute("aria-label", `CPU${cpu.id} to ${column.label}`);
      if (!shown.config) cell.setAttribute("aria-readonly", "true");
      cell.tabIndex = -1;
      cell.dataset.row = String(row);
      cell.dataset.column = String(place);
      tr.append(make("td", "cpu-box", [cell]));
      return cell;
    });
    const word = make("span", "cpu-policy");
    tr.append(make("td", "", [word]));
    this._cells.push(cells);
    this._states.push(cells.map(() => ""));
    this._policies.push(word);
    this._names.push(mark);
    return tr;
  }

  /** @param {Shown} shown */
  _update({ cpus, plan, before, rows, heads, config }) {
    const old = plan.columns.map((column) => before?.columns.find((one) => one.id === column.id) ?? null);
    const compare = config && before !== null;
    plan.columns.forEach((column, place) => this._updateHead(column, old[place], place, heads.get(column.key) ?? [], compare));
    cpus.forEach((cpu, row) => {
      plan.columns.forEach((column, place) => {
        const changed = compare && differs(column, old[place], cpu.id);
        this._updateCell(row, place, column, cpu, changed);
      });
      const word = policy(cpu, plan);
      if (this._policies[row].dataset.policy !== word) this._policies[row].dataset.policy = word;
      put(this._policies[row], word, plan.downed.has(cpu.id) && plan.owner.get(cpu.id)
        ? `Goes offline: ${plan.owner.get(cpu.id)} has the other CPU of this core` : "");
      this._updateName(row, rows.get(cpu.id) ?? []);
    });
  }

  /**
   * @param {number} row
   * @param {number} place
   * @param {Column} column
   * @param {Cpu} cpu
   * @param {boolean} changed
   */
  _updateCell(row, place, column, cpu, changed) {
    const has = column.cpus.has(cpu.id);
    const mark = has ? (column.bound || column.kind === "host" ? "true" : "mixed") : "false";
    const pin = has ? column.pins.get(cpu.id) ?? "" : "";
    const state = `${mark}${pin}${changed ? " changed" : ""}`;
    if (this._states[row][place] === state) return;
    this._states[row][place] = state;
    const cell = this._cells[row][place];
    cell.setAttribute("aria-checked", mark);
    cell.textContent = pin;
    cell.title = titleOf(column, mark, pin, changed);
    /** @type {HTMLElement} */ (cell.parentElement).classList.toggle("changed", changed);
  }

  /**
   * @param {number} row
   * @param {Issue[]} issues
   */
  _updateName(row, issues) {
    const level = worst(issues);
    put(this._names[row], GLYPHS[level], issues.map(issueTitle).join("\n"));
    const kind = `cpu-mark ${level.toLowerCase()}`.trim();
    if (this._names[row].className !== kind) this._names[row].className = kind;
  }

  /**
   * @param {Column} column
   * @param {Column | null} old
   * @param {number} place
   * @param {Issue[]} issues
   * @param {boolean} compare
   */
  _updateHead(column, old, place, issues, compare) {
    const head = this._heads[place];
    const level = worst(issues);
    const name = /** @type {HTMLElement} */ (head.querySelector(".cpu-name"));
    put(name, column.label + GLYPHS[level], [headTitle(column), ...issues.map(issueTitle)].join("\n"));
    head.classList.toggle("e", level === "E");
    head.classList.toggle("w", level === "W");
    head.classList.toggle("changed", compare && (!old || old.vcpus !== column.vcpus));
    const count = this._counts[place];
    if (!count) {
      put(/** @type {HTMLElement} */ (head.querySelector(".cpu-vcpus")), column.kind === "host" ? "" : `${column.vcpus} vCPU`, "");
      return;
    }
    if (count.defaultValue !== String(column.vcpus)) count.defaultValue = String(column.vcpus);
    if (document.activeElement !== count) count.value = count.defaultValue;
  }

  /**
   * @param {number} columns
   * @returns {import("./cpu_painting.js").Sheet}
   */
  _sheet(columns) {
    return {
      cell: ({ row, column }) => this._cells[row]?.[column] ?? null,
      place: (element) => (
        element instanceof HTMLElement ? { row: Number(element.dataset.row), column: Number(element.dataset.column) } : null),
      size: () => ({ rows: this._cells.length, columns }),
      on: ({ row, column }) => this._cells[row][column].getAttribute("aria-checked") === "true",
      frozen: () => !this._shown?.config,
      refused: () => this._say("frozen", {}),
      paint: (column, rows, on) => {
        const shown = /** @type {Shown} */ (this._shown);
        this._say("assign", { key: shown.plan.columns[column]?.key ?? HOST, cpus: rows.map((row) => shown.cpus[row].id), on });
      },
    };
  }

  /**
   * @param {string} name
   * @param {object} detail
   */
  _say(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/**
 * @param {Column} column
 * @param {Column | null} old
 * @param {number} cpu
 */
function differs(column, old, cpu) {
  const binds = (/** @type {Column | null} */ one) => Boolean(one && one.cpus.has(cpu) && (one.bound || one.kind === "host"));
  return binds(column) !== binds(old);
}

/**
 * @param {Column} column
 * @param {string} mark
 * @param {string} pin
 * @param {boolean} changed
 */
function titleOf(column, mark, pin, changed) {
  const where = pin === "e" ? `The threads of ${column.label} that are no vCPUs run here`
    : pin ? `vCPU ${pin} of ${column.label} runs here`
      : mark === "mixed" ? `${column.label} has no CPU set: it may run here` : "";
  return [where, changed ? "Differs from what the host has" : ""].filter(Boolean).join(". ");
}

/** @param {Column} column */
function headTitle(column) {
  if (column.trouble) return column.trouble;
  if (column.kind === "host") return column.bound ? "The CPUs that are kept for the host" : "The host has all CPUs that no rt guest has";
  const kind = { rt: "Real-time guest", gp_comm: "General purpose guest with communication", gp: "General purpose guest" }[column.kind];
  const where = column.bound ? "" : ", without a CPU set: it may run on every CPU that no rt guest has";
  return `${kind}${where}${column.disabled ? ", disabled" : ""}`;
}

/**
 * The class of a guest's colour, by its place.
 * @param {number} place
 */
export function colourOf(place) {
  return `g${(place % COLOURS) + 1}`;
}

/**
 * @param {HTMLElement} element
 * @param {string} text
 * @param {string} title
 */
function put(element, text, title) {
  if (element.textContent !== text) element.textContent = text;
  if (element.title !== title) element.title = title;
}

/**
 * @param {string} word
 * @param {string} kind
 */
function header(word, kind) {
  const head = make("th", kind, [word]);
  head.setAttribute("scope", "col");
  return head;
}

/**
 * @param {string} tag
 * @param {string} [kind] classes
 * @param {(Node | string)[]} [inside]
 */
function make(tag, kind = "", inside = []) {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  element.append(...inside);
  return element;
}

customElements.define("gw-cpu-grid", CpuGrid);
