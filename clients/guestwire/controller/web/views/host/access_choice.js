/** What one of those who have access may do with an area, in a dialog: it shows the draft as it becomes. */

import { html, nothing } from "lit";
import { pathText } from "../../core/edit_paths.js";
import { accessEditor } from "../guest/access_editor.js";
import { Part } from "../../parts/part.js";

export class AccessChoice extends Part {
  static properties = { ...Part.properties, host: {}, area: {}, who: {} };

  constructor() {
    super();
    this.host = "";
    this.area = "";
    /** A guest's name, HOST or REMOTE; empty: all who have no override. */
    this.who = "";
  }

  connectedCallback() {
    super.connectedCallback();
    this.watch(this.services.drafts.of(this.host));
  }

  render() {
    const draft = this.services.drafts.of(this.host);
    const area = draft.shown?.areas.find((/** @type {any} */ one) => one.name === this.area);
    if (!area) return nothing;
    const all = this.who === "";
    const path = pathText(all ? ["area", this.area, "default_access"] : ["area", this.area, "overrides", this.who]);
    return html`<p>${all ? "What all have who have no override of their own." :
      `What ${this.who} may do with ${this.area}.`}</p>
      ${accessEditor({
        area: all ? { ...area, overrides: { default: area.default_access } } : area, who: this.who || "default",
          read_only: false, fixed: all,
        onMode: (mode) => draft.edit([mode === null ? { op: "default", path } : { op: "set", path, value: mode }]),
      })}`;
  }
}

customElements.define("gw-access-choice", AccessChoice);
