/** How pages look in this browser: theme and density. Kept here, for this browser alone. */

import { html } from "lit";
import { Part } from "../../parts/part.js";

/** @type {readonly {name: string, legend: string, otherwise: string, options: readonly [string, string][]}[]} */
const CHOICES = [
  { name: "theme", legend: "Theme", otherwise: "system", options: [["system", "As the system"], ["light", "Light"],
    ["dark", "Dark"]] },
  { name: "density", legend: "Density", otherwise: "comfortable", options: [["comfortable", "Comfortable"], ["touch",
    "Touch"]] },
];

export class Appearance extends Part {
  connectedCallback() {
    super.connectedCallback();
    this.watch(this.services.prefs);
  }

  render() {
    const { prefs } = this.services;
    return html`<div class="gw-choices">${CHOICES.map((choice) => html`<fieldset>
      <legend>${choice.legend}</legend>
      ${choice.options.map(([value, label]) => html`<label class="row"><input type="radio"
        name="gw-appearance-${choice.name}"
        .checked=${prefs.get(choice.name, choice.otherwise) === value} @change=${() => prefs.set(choice.name,
          value)}> ${label}</label>`)}
    </fieldset>`)}</div>`;
  }
}

customElements.define("gw-appearance", Appearance);
