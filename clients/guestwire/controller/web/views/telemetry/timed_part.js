/** What views with charts are: they have a range of time, the address says which, and it moves on while the page is seen. */

import { rangeOf, refreshOf } from "../../core/time_range.js";
import { Part } from "../../parts/part.js";

const LOOK_MS = 500;

export class TimedPart extends Part {
  static properties = { ...Part.properties, _now: { state: true } };

  constructor() {
    super();
    this._now = Date.now();
    /** @type {import("../../core/time_range.js").TimeRange} The same object as long as it is the same time. */
    this.range = rangeOf(this.query, this._now);
  }

  connectedCallback() {
    super.connectedCallback();
    this.every(LOOK_MS, () => {
      const refresh = refreshOf(this.query);
      if (refresh && this.range.live && Date.now() - this._now >= refresh) this._now = Date.now();
    });
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("query") && !changed.has("_now")) this._now = Date.now();
    const range = rangeOf(this.query, this._now);
    if (range.from !== this.range.from || range.to !== this.range.to || range.name !== this.range.name) this.range = range;
  }
}
