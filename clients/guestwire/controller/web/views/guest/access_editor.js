/** The access of one guest to one area: three positions to tick, or the area's default. A template function. */

import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { effective, meaning, POSITIONS, read, withPosition } from "../../core/access.js";

/** @typedef {import("../../core/access.js").Area} Area */

/**
 * @param {{area: Area, who: string, read_only: boolean, fixed?: boolean, onMode: (mode: string | null) => void}} what
 * `onMode`: a mode; null: the
 *   default. `fixed`: there is no default to go back to
 */
export function accessEditor({ area, who, read_only, fixed = false, onMode }) {
  const mode = effective(area, who);
  const own = Object.hasOwn(area.overrides ?? {}, who);
  const access = read(mode);
  return html`<fieldset class="access" ?disabled=${read_only}>
    <legend class="sr">Access of ${who} to ${area.name}</legend>
    ${POSITIONS.map((one) => html`<label class="form-check"><input type="checkbox" .checked=${live(access[one.key])}
      @change=${(/** @type {any} */ event) => onMode(withPosition(mode, one.key, event.target.checked))}>
      <span class="mono" aria-hidden="true">${one.letter}</span> ${one.label}</label>`)}
    ${fixed ? nothing : html`<label class="form-check"><input type="checkbox" .checked=${live(!own)}
      @change=${(/** @type {any} */ event) => onMode(event.target.checked ? null : mode)}> Default <span
        class="mono muted">${area.default_access}</span></label>`}
    ${own ? nothing : html`<span class="sr">${meaning(mode)}</span>`}
  </fieldset>`;
}
