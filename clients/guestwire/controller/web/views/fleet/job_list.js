/** Jobs by a filter, newest first: pages from the controller, and what happens meanwhile from the stream. */

import { isAbort } from "../../core/problem.js";
import { asked, matches } from "./job_words.js";

/** @typedef {import("./job_words.js").JobFilter} JobFilter */
/** @typedef {import("../../types/api.js").components["schemas"]["JobView"]} JobView */

const PAGE = 100;

/** Emits "change". */
export class JobList extends EventTarget {
  /**
   * @param {import("../../core/api.js").Api} api
   * @param {import("../../core/live.js").Live} live
   */
  constructor(api, live) {
    super();
    this._api = api;
    this._live = live;
    this._said = "";
    /** @type {JobFilter | null} */
    this._filter = null;
    /** @type {Map<string, JobView>} */
    this._jobs = new Map();
    /** Whether an answer came for this filter. */
    this.known = false;
    /** @type {import("../../core/problem.js").Problem | null} */
    this.problem = null;
    /** How many jobs the controller has answered with, for this filter. */
    this.read = 0;
    /** @type {string | null} */
    this._next = null;
    /** @type {AbortController | null} */
    this._request = null;
    /** @type {(() => void) | null} */
    this._off = null;
  }

  begin() {
    this._off = this._live.on("job", (changes) => {
      // without changes everything may be otherwise: the stream began anew, and what happened meanwhile is in the lists
      if (changes.length) this._heard(changes.map((change) => change.document).filter(Boolean));
      else if (this._filter) void this._ask(null);
    });
  }

  end() {
    this._off?.();
    this._off = null;
    this._request?.abort();
  }

  /** @param {JobFilter} filter */
  find(filter) {
    const said = JSON.stringify(filter);
    if (said === this._said) return;
    this._said = said;
    this._filter = filter;
    this._jobs = new Map();
    this.known = false;
    this.problem = null;
    this._next = null;
    void this._ask(null);
  }

  /** Those that there are, newest first. */
  get jobs() {
    return [...this._jobs.values()].sort((one, other) => other.created_at - one.created_at || (other.id < one.id ? -1 : 1));
  }

  /** Whether the controller has older ones. */
  get more() {
    return this._next !== null;
  }

  /** Read older ones. */
  older() {
    return this._ask(this._next);
  }

  /** @param {JobView[]} jobs */
  _heard(jobs) {
    const filter = this._filter;
    if (!filter) return;
    for (const job of jobs) {
      const here = this._jobs.get(job.id);
      if (!matches(filter, job)) this._jobs.delete(job.id);
      else if (!here || here.revision <= job.revision) this._jobs.set(job.id, job);
    }
    this.dispatchEvent(new Event("change"));
  }

  /** @param {string | null} cursor */
  async _ask(cursor) {
    this._request?.abort();
    const request = new AbortController();
    this._request = request;
    const filter = /** @type {JobFilter} */ (this._filter);
    try {
      const page = await this._api.get("/jobs", { ...asked(filter), limit: PAGE, cursor }, request.signal);
      if (request.signal.aborted) return;
      this.problem = null;
      this._next = page.next ?? null;
      this.read = (cursor === null ? 0 : this.read) + page.items.length;
      for (const job of page.items) {
        const newer = this._live.get("job", job.id);
        const newest = newer && newer.revision > job.revision ? newer : job;
        if (matches(filter, newest)) this._jobs.set(job.id, newest);
      }
    } catch (error) {
      if (isAbort(error) || request.signal.aborted) return;
      this.problem = /** @type {import("../../core/problem.js").Problem} */ (error);
    }
    this.known = true;
    this.dispatchEvent(new Event("change"));
  }
}
