/** What is beside a page in its place of the main menu. */

import { nothing } from "lit";
import { match, SIDE_BY_SIDE } from "../core/routes.js";
import { Part } from "../parts/part.js";
import { tabs } from "../parts/tabs.js";

export class SectionTabs extends Part {
  static properties = { ...Part.properties, route: { attribute: false } };

  render() {
    const { router } = this.services;
    /** @type {import("../core/routes.js").Route} */
    const route = /** @type {any} */ (this).route;
    const paths = SIDE_BY_SIDE[route.section ?? ""] ?? [];
    if (!paths.length) return nothing;
    const here = paths.includes(route.path) ? route.path : paths.find((path) => path !== "/" && route.path.startsWith(`${path}/`));
    return tabs(paths.map((path) => ({
      label: match(path)?.route.title ?? path, href: router.href(path), current: path === here,
    })), "Pages of this place");
  }
}
customElements.define("gw-section-tabs", SectionTabs);
