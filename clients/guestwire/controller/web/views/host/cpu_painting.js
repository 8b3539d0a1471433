/**
 * How a user chooses cells of the CPU matrix: a click, a drag over several rows, shift and a click, arrow keys and space. It knows
 * rows and columns and nothing of CPUs.
 */

/** @typedef {{row: number, column: number}} Place */
/**
 * @typedef {object} Sheet what is painted on
 * @property {(place: Place) => HTMLElement | null} cell
 * @property {(element: Element) => Place | null} place
 * @property {() => {rows: number, columns: number}} size
 * @property {(place: Place) => boolean} on whether a cell is set
 * @property {() => boolean} frozen
 * @property {(column: number, rows: number[], on: boolean) => void} paint
 * @property {() => void} refused
 */

const PAGE_ROWS = 8;

/** @type {Record<string, (at: Place, size: {rows: number, columns: number}, ctrl: boolean) => Place>} */
const MOVES = {
  ArrowUp: ({ row, column }) => ({ row: row - 1, column }),
  ArrowDown: ({ row, column }) => ({ row: row + 1, column }),
  ArrowLeft: ({ row, column }) => ({ row, column: column - 1 }),
  ArrowRight: ({ row, column }) => ({ row, column: column + 1 }),
  PageUp: ({ row, column }) => ({ row: row - PAGE_ROWS, column }),
  PageDown: ({ row, column }) => ({ row: row + PAGE_ROWS, column }),
  Home: ({ row }, _, ctrl) => ({ row: ctrl ? 0 : row, column: 0 }),
  End: ({ row }, { rows, columns }, ctrl) => ({ row: ctrl ? rows - 1 : row, column: columns - 1 }),
};

export class Painting {
  /**
   * @param {HTMLElement} root holds the cells
   * @param {Sheet} sheet
   */
  constructor(root, sheet) {
    this._root = root;
    this._sheet = sheet;
    /** @type {{from: Place, to: number, on: boolean} | null} a drag */
    this._drag = null;
    /** @type {{at: Place, on: boolean} | null} what was set last, for shift */
    this._last = null;
    /** @type {Place} the one cell that Tab reaches */
    this._home = { row: 0, column: 0 };
    root.addEventListener("pointerdown", (event) => this._down(event));
    root.addEventListener("pointerover", (event) => this._over(event));
    root.addEventListener("click", (event) => this._click(event));
    root.addEventListener("keydown", (event) => this._key(event));
    root.addEventListener("focusin", (event) => this._focused(event));
  }

  /** The cells were made anew: one of them is the way in. */
  settle() {
    const { rows, columns } = this._sheet.size();
    this._drag = null;
    this._last = null;
    this._home = { row: Math.min(this._home.row, Math.max(0, rows - 1)), column: Math.min(this._home.column, Math.max(0, columns - 1)) };
    const cell = this._sheet.cell(this._home);
    if (cell) cell.tabIndex = 0;
  }

  /** @param {Event} event */
  _at(event) {
    // all of a table's cell counts: a box is small
    const cell = event.target instanceof Element ? event.target.closest("td")?.querySelector('[role="checkbox"]') : null;
    return cell ? this._sheet.place(cell) : null;
  }

  /** @param {PointerEvent} event */
  _down(event) {
    const at = this._at(event);
    if (!at || event.button !== 0) return;
    if (this._sheet.frozen()) {
      this._sheet.refused();
      return;
    }
    if (event.shiftKey && this._last && this._last.at.column === at.column) {
      this._paint(this._last.at, at.row, this._last.on);
      event.preventDefault();
      return;
    }
    this._drag = { from: at, to: at.row, on: !this._sheet.on(at) };
    const ends = new AbortController();
    const done = (/** @type {Event} */ one) => {
      ends.abort();
      const drag = this._drag;
      this._drag = null;
      this._mark(null);
      if (drag && one.type === "pointerup") this._paint(drag.from, drag.to, drag.on);
    };
    window.addEventListener("pointerup", done, { signal: ends.signal });
    window.addEventListener("pointercancel", done, { signal: ends.signal });
  }

  /** @param {Event} event */
  _over(event) {
    const at = this._drag && this._at(event);
    if (!at || !this._drag || at.row === this._drag.to) return;
    this._drag.to = at.row;
    this._mark(this._drag);
  }

  /** @param {{from: Place, to: number} | null} drag */
  _mark(drag) {
    for (const cell of this._root.querySelectorAll(".cpu-chosen")) cell.classList.remove("cpu-chosen");
    if (!drag) return;
    for (const row of between(drag.from.row, drag.to)) {
      this._sheet.cell({ row, column: drag.from.column })?.classList.add("cpu-chosen");
    }
  }

  /** @param {MouseEvent} event a click that no pointer made: assistive technology */
  _click(event) {
    if (event.detail === 0 && this._at(event)) this._toggle(/** @type {Place} */ (this._at(event)), false);
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    const at = this._at(event);
    if (!at || event.altKey || event.metaKey) return;
    if (event.key === " " || event.key === "Enter") {
      event.preventDefault();
      this._toggle(at, event.shiftKey);
      return;
    }
    const move = MOVES[event.key];
    if (!move) return;
    event.preventDefault();
    const size = this._sheet.size();
    const to = move(at, size, event.ctrlKey);
    this._sheet.cell({
      row: Math.max(0, Math.min(size.rows - 1, to.row)), column: Math.max(0, Math.min(size.columns - 1, to.column)),
    })?.focus();
  }

  /** @param {FocusEvent} event */
  _focused(event) {
    const at = this._at(event);
    if (!at) return;
    const before = this._sheet.cell(this._home);
    if (before) before.tabIndex = -1;
    /** @type {HTMLElement} */ (this._sheet.cell(at)).tabIndex = 0;
    this._home = at;
  }

  /**
   * @param {Place} at
   * @param {boolean} range from the last one to this
   */
  _toggle(at, range) {
    if (this._sheet.frozen()) this._sheet.refused();
    else if (range && this._last?.at.column === at.column) this._paint(this._last.at, at.row, this._last.on);
    else this._paint(at, at.row, !this._sheet.on(at));
  }

  /**
   * @param {Place} from
   * @param {number} to
   * @param {boolean} on
   */
  _paint(from, to, on) {
    this._last = { at: { row: to, column: from.column }, on };
    this._sheet.paint(from.column, between(from.row, to), on);
  }
}

/**
 * @param {number} one
 * @param {number} other
 */
function between(one, other) {
  const first = Math.min(one, other);
  return Array.from({ length: Math.abs(one - other) + 1 }, (_, place) => first + place);
}
