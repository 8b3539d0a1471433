/** The whole page: sign-in, or bar, navigator, the view of the address, drawer and dock. */

import { html, nothing } from "lit";
import { Part } from "../parts/part.js";
import { part } from "../core/part_loading.js";
import { applyLook } from "./look.js";
import { pageTitle } from "./breadcrumb.js";
import "./bar.js";
import "./dock.js";
import "./drawer.js";
import "./host_frame.js";
import "./guest_frame.js";
import "./navigator.js";
import "./palette.js";
import "./section_tabs.js";
import "./sign_in.js";

const LOST = html`<p class="lost" role="alert">The connection to the controller is lost. What you see is as it was then; it is tried
  again by itself.</p>`;

export class App extends Part {
  static properties = { ...Part.properties, _shown: { state: true }, _failed: { state: true } };

  constructor() {
    super();
    /** The view that is shown, with what it is of. @type {{element: HTMLElement, route: import("../core/routes.js").Route, params: Record<string, string>} | null} */
    this._shown = null;
    /** What the view was made for. */
    this._made = "";
    this._failed = "";
    this._welcomed = false;
    /** The id of who is signed in, or was last. */
    this._who = "";
  }

  /**
   * Show everything, from now on.
   * @param {import("../core/services.js").Services} services
   */
  begin(services) {
    this.services = services;
    const { live, prefs, router, session } = services;
    applyLook(prefs);
    prefs.addEventListener("change", () => applyLook(prefs));
    session.addEventListener("change", () => this._signed());
    router.addEventListener("change", () => this._route());
    live.addEventListener("change", () => this._connected());
    router.begin();
    // the view's modules come while it is asked who is signed in; a failure shows when the view is made
    router.route?.load().catch(() => null);
    this._ask();
  }

  async _ask() {
    try {
      await this.services.session.begin();
    } catch (error) {
      this._failed = /** @type {Error} */ (error).message;
      setTimeout(() => this._ask(), 2000);
    }
  }

  _signed() {
    const { session, live, dialogs } = this.services;
    this._failed = "";
    if (session.me && !session.me.must_change) {
      // what somebody had edited when their session ended goes on when they are back, and nobody else sees it
      if (this._who && this._who !== session.me.id) this._forget();
      this._who = session.me.id;
      live.begin();
    } else {
      live.end();
      dialogs.closeAll();
      if (session.left) this._forget();
      this._shown = null;
      this._made = "";
    }
    this._route();
  }

  _forget() {
    this.services.hosts.forget();
    this.services.drafts.forget();
  }

  /** Who begins with nothing is led to the first steps; once, for they may want to look around. */
  _connected() {
    const { live, router, session } = this.services;
    if (live.state === "live" && !this._welcomed) {
      this._welcomed = true;
      if (router.path === "/" && !live.map("host").size && session.may("connection-set")) router.go("/welcome");
    }
    this.requestUpdate();
  }

  _route() {
    const { router, session } = this.services;
    document.title = `${pageTitle(router, this.services.live)} · Guestwire`;
    document.documentElement.dataset.mode = router.mode;
    if (session.me && !session.me.must_change) void this._view();
    this.requestUpdate();
  }

  async _view() {
    const { route, params, query, path } = this.services.router;
    this._failed = "";
    if (!route) {
      this._shown = null;
      this._made = "";
      return;
    }
    const key = `${route.tag} ${path}`;
    if (this._made !== key) {
      this._made = key;
      this._shown = null; // what is of another page is not left under this one's address
      try {
        await part(route.load);
      } catch {
        if (this._made === key) [this._made, this._failed] = ["", "A part of this page has not come."];
        return;
      }
      if (this._made !== key) return; // somebody went on meanwhile
      const element = /** @type {any} */ (document.createElement(route.tag));
      Object.assign(element, { services: this.services, params, query });
      this._shown = { element, route, params };
      this.querySelector(".view")?.scrollTo(0, 0);
    } else if (this._shown) Object.assign(this._shown.element, { query });
  }

  render() {
    if (!this.services) return nothing;
    const { session, router, live } = this.services;
    if (!session.known) return html`<main class="alone"><h1 class="sr">Guestwire</h1><p role="status">${this._failed || "Loading"}</p></main>`;
    if (!session.me || session.me.must_change) return html`<gw-sign-in .services=${this.services}></gw-sign-in>`;
    const host = router.host;
    const coming = live.state === "connecting";
    return html`
      <a class="skip" href="#view" @click=${this._skip}>To the content</a>
      <gw-bar .services=${this.services} .query=${router.query}></gw-bar>
      ${live.state === "lost" ? LOST : nothing}
      <div class="body ${host ? "with-drawer" : ""} ${coming ? "coming" : ""}">
        <gw-navigator .services=${this.services} .query=${router.query} .params=${router.params}></gw-navigator>
        <div class="middle">
          <main class="view scrolls" id="view" tabindex="-1" aria-busy=${coming}>${this._content()}</main>
          <gw-dock .services=${this.services} .query=${router.query}></gw-dock>
        </div>
        ${host ? html`<gw-drawer tabindex="0" role="complementary" aria-label="Changes and checks" .services=${this.services}
          .host=${host} .query=${router.query}></gw-drawer>` : nothing}
      </div>
      <gw-palette .services=${this.services}></gw-palette>`;
  }

  _content() {
    const { query } = this.services.router;
    if (!this.services.router.route) {
      return html`<h1>There is no such page</h1><p>The address may be mistyped. <a href="/">To the fleet</a></p>`;
    }
    if (this._failed) {
      return html`<p role="alert">${this._failed} The page is loaded anew as soon as the controller answers.</p>
        <button type="button" class="button" @click=${() => location.reload()}>Reload</button>`;
    }
    if (!this._shown) return nothing;
    const { element, route, params } = this._shown;
    if (route.frame === "host") return html`<gw-host-frame .services=${this.services} .params=${params} .query=${query} .route=${route}></gw-host-frame>${element}`;
    if (route.frame === "guest") return html`<gw-guest-frame .services=${this.services} .params=${params} .query=${query} .route=${route}></gw-guest-frame>${element}`;
    return html`<gw-section-tabs .services=${this.services} .query=${query} .route=${route}></gw-section-tabs>${element}`;
  }

  /** @param {Event} event */
  _skip(event) {
    event.preventDefault();
    /** @type {HTMLElement | null} */ (this.querySelector("#view"))?.focus();
  }
}
customElements.define("gw-app", App);
