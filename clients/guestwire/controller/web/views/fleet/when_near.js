/** Something long that is only there while it is near what is seen; elsewhere its place is kept. For many tables on one page. */

import { html } from "lit";
import { Part } from "../../parts/part.js";

const NEAR = "600px 0px";

export class WhenNear extends Part {
  static properties = { ...Part.properties, content: { attribute: false }, height: { attribute: false }, _near: { state: true } };

  constructor() {
    super();
    /** @type {() => unknown} */
    this.content = () => "";
    /** About how high it is, in pixels. */
    this.height = 0;
    this._near = false;
  }

  connectedCallback() {
    super.connectedCallback();
    const observer = new IntersectionObserver((entries) => {
      this._near = entries[entries.length - 1].isIntersecting;
    }, { root: this.closest(".scrolls"), rootMargin: NEAR });
    observer.observe(this);
    this.until(() => observer.disconnect());
  }

  render() {
    return this._near ? this.content() : html`<div style="height:${this.height}px"></div>`;
  }
}

customElements.define("gw-when-near", WhenNear);
