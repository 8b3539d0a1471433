/** A guest's console as a page: the screen that the dock shows too. */

import { html } from "lit";
import { Part } from "../../parts/part.js";
import "./console_screen.js";

export class GuestConsole extends Part {
  render() {
    const { site, host, guest } = this.params;
    return html`<div class="guest-console"><h2 class="sr">Console</h2>
      <gw-console-screen .services=${this.services} .host=${`${site}/${host}`}
        .guest=${guest}></gw-console-screen></div>`;
  }
}

customElements.define("gw-guest-console", GuestConsole);
