/** The kinds of triggers of alarm rules: what each says in words, what a new one is, which fields it has. A table; nothing is asked. */

import { html, nothing } from "lit";
import { checkField, selectField, textField } from "../../parts/field.js";

/** @typedef {Record<string, any>} Trigger `on` says its kind */
/**
 * @typedef {object} Kind
 * @property {string} label
 * @property {string} hint
 * @property {() => Trigger} fresh
 * @property {(trigger: Trigger) => string} text
 * @property {boolean} lasting whether it is a condition, which must hold for a time; else an event, which is over after a time
 * @property {(trigger: Trigger, given: Given) => unknown} fields
 */
/** `put` takes what is other; `trouble` says what is wrong with a field. @typedef {{put: (change: Trigger) => void, trouble: (field: string) => string}} Given */

const COMPARES = [">", ">=", "<", "<=", "==", "!="];
const HOST_STATES = ["online", "suspect", "offline", "flapping", "unknown"];
const CLASSES = ["guest", "comm", "config", "audit", "alarm"];

/** @type {Record<string, Kind>} */
export const KINDS = {
  metric: {
    label: "A metric", hint: "The newest value of a series, how fast a counter grows, or one metric over another.",
      lasting: true,
    fresh: () => ({ on: "metric", series: "", compare: ">", value: 0, clear: null, over: null, rate: false }),
    text: (trigger) => [
      trigger.rate ? `growth per second of ${trigger.series}` : trigger.series, trigger.over ? `over ${trigger.over}`
        : "", trigger.compare,
      String(trigger.value), trigger.clear === null ? "" : `(over at ${trigger.clear})`,
    ].filter(Boolean).join(" "),
    fields: metricFields,
  },
  presence: {
    label: "Whether a host is there", hint: "A host that is in one of the chosen states.", lasting: true,
    fresh: () => ({ on: "presence", states: ["offline"] }),
    text: (trigger) => `a host is ${trigger.states.join(" or ")}`,
    fields: (trigger, { put, trouble }) => choices("States of a host", "states", HOST_STATES, trigger.states,
      (states) => put({ states }), trouble("trigger.presence.states") || (trigger.states.length ? ""
        : "Choose one at least.")),
  },
  connection: {
    label: "A connection of the controller", hint: "A way to a site, or to one host, that is not up.", lasting: true,
    fresh: () => ({ on: "connection" }), text: () => "a connection is not up", fields: () => nothing,
  },
  notice: {
    label: "A notice of a host", hint: "What a host says by itself. None chosen: any.", lasting: false,
    fresh: () => ({ on: "notice", classes: [], events: [], codes: [] }),
    text: (trigger) => ["a notice", listed("of class", trigger.classes), listed("with the event", trigger.events),
      listed("with the code", trigger.codes)].filter(Boolean).join(" "),
    fields: noticeFields,
  },
  trouble: {
    label: "Trouble that the controller finds", hint: "With a host's telemetry, its audit log, what it says. None named: any.", lasting: false,
    fresh: () => ({ on: "trouble", kinds: [] }),
    text: (trigger) => ["trouble", listed("of kind", trigger.kinds)].filter(Boolean).join(" "),
    fields: (trigger, { put, trouble }) => words("Kinds", "kinds", trigger.kinds,
      (kinds) => put({ kinds }), trouble("trigger.trouble.kinds"),
      "Separated by commas, as clock-wrong, unreadable, series-refused, numbers-refused, audit-log."),
  },
};

/**
 * What a rule looks at, in words.
 * @param {Trigger} trigger
 */
export function triggerText(trigger) {
  return KINDS[trigger.on]?.text(trigger) ?? trigger.on;
}

/**
 * @param {string} before
 * @param {readonly string[]} several
 */
function listed(before, several) {
  return several.length ? `${before} ${several.join(" or ")}` : "";
}

/** @param {Trigger} trigger @param {Given} given */
function metricFields(trigger, { put, trouble }) {
  const wrong = (/** @type {string} */ field) => trouble(`trigger.metric.${field}`);
  return html`
    ${textField({ id: "gw-rule-series", label: "Series", value: trigger.series, required: true, list: "gw-rule-metrics",
      error: wrong("series") || trouble("selector"),
        hint: 'A metric and labels, as guestwire_guest_state{state="crashed"}.',
      onInput: (series) => put({ series }) })}
    ${checkField({ id: "gw-rule-rate", label: "By how fast it grows, per second", value: trigger.rate,
      hint: "For counters.",
      onChange: (rate) => put({ rate }) })}
    ${textField({ id: "gw-rule-over", label: "Divided by", value: trigger.over, list: "gw-rule-metrics",
      error: wrong("over"),
      hint: "The name of another metric with the same labels; empty: it is not divided.", onInput: (over) => put({ over: over.trim() || null }) })}
    <div class="row">
      ${selectField({ id: "gw-rule-compare", label: "Is", value: trigger.compare,
        options: COMPARES, onChange: (compare) => put({ compare }) })}
      ${textField({ id: "gw-rule-value", label: "Value", type: "number", value: trigger.value, required: true,
        error: wrong("value"),
        onInput: (value) => put({ value: value === "" ? null : Number(value) }) })}
      ${textField({ id: "gw-rule-clear", label: "Over at", type: "number", value: trigger.clear, error: wrong("clear"),
        hint: "Empty: at the same value.", onInput: (value) => put({ clear: value === "" ? null : Number(value) }) })}
    </div>`;
}

/** @param {Trigger} trigger @param {Given} given */
function noticeFields(trigger, { put, trouble }) {
  return html`
    ${choices("Classes", "classes", CLASSES, trigger.classes,
      (classes) => put({ classes }), trouble("trigger.notice.classes"))}
    ${words("Events", "events", trigger.events, (events) => put({ events }), trouble("trigger.notice.events"), "Separated by commas; empty: any.")}
    ${words("Codes", "codes", trigger.codes, (codes) => put({ codes }), trouble("trigger.notice.codes"), "Codes of errors, separated by commas; empty: any.")}`;
}

/**
 * @param {string} label
 * @param {string} name
 * @param {readonly string[]} all
 * @param {readonly string[]} chosen
 * @param {(chosen: string[]) => void} change
 * @param {string} error
 */
function choices(label, name, all, chosen, change, error) {
  return html`<fieldset class="row"><legend>${label}</legend>
    ${all.map((one) => html`<label class="check" for="gw-rule-${name}-${one}"><input type="checkbox"
      id="gw-rule-${name}-${one}"
      .checked=${chosen.includes(one)} @change=${(/** @type {any} */ event) => change(
        all.filter((other) => (other === one ? event.target.checked : chosen.includes(other))),
      )}> ${one}</label>`)}
    ${error ? html`<span class="error" role="alert">${error}</span>` : nothing}</fieldset>`;
}

/**
 * @param {string} label
 * @param {string} name
 * @param {readonly string[]} value
 * @param {(value: string[]) => void} change
 * @param {string} error
 * @param {string} hint
 */
function words(label, name, value, change, error, hint) {
  return textField({ id: `gw-rule-${name}`, label, value: value.join(", "), error, hint,
    onInput: (text) => change(text.split(",").map((one) => one.trim()).filter(Boolean)) });
}
