/** Every page: its path, its element, the module that has it. The only list of them. */

/**
 * @typedef {object} Route
 * @property {string} path with :parameters; the last may be a :rest*
 * @property {string} tag the element
 * @property {string} title
 * @property {() => Promise<unknown>} load
 * @property {"host" | "guest"} [frame] the heading and tabs around it
 * @property {string} [tab] which tab of the frame it is
 * @property {string} [section] which place of the main menu it belongs to
 */

const HOST = "/hosts/:site/:host";
const GUEST = `${HOST}/guests/:guest`;

/** @type {readonly Route[]} */
export const ROUTES = [
  { path: "/", tag: "gw-fleet-overview", title: "Fleet", section: "fleet", load: () => import("../views/fleet/overview.js") },
  { path: "/groups", tag: "gw-groups", title: "Groups", section: "fleet", load: () => import("../views/fleet/groups.js") },
  { path: "/rollouts", tag: "gw-rollouts", title: "Rollouts", section: "rollouts", load: () => import("../views/fleet/rollouts.js") },
  { path: "/rollouts/new", tag: "gw-rollout-new", title: "New rollout", section: "rollouts", load: () => import("../views/fleet/rollout_new.js") },
  { path: "/rollouts/:id", tag: "gw-rollout", title: "Rollout", section: "rollouts", load: () => import("../views/fleet/rollout.js") },
  { path: "/windows", tag: "gw-windows", title: "Maintenance windows", section: "rollouts", load: () => import("../views/fleet/windows.js") },
  { path: "/jobs", tag: "gw-jobs", title: "Jobs", section: "jobs", load: () => import("../views/fleet/jobs.js") },
  { path: "/jobs/:id", tag: "gw-job", title: "Job", section: "jobs", load: () => import("../views/fleet/job.js") },
  { path: "/approvals", tag: "gw-approvals", title: "Approvals", section: "jobs", load: () => import("../views/sync/approvals.js") },
  { path: "/approvals/:id", tag: "gw-approval", title: "Approval", section: "jobs", load: () => import("../views/sync/approval.js") },
  { path: "/alarms", tag: "gw-alarms", title: "Alarms", section: "alarms", load: () => import("../views/telemetry/alarms.js") },
  { path: "/alarms/rules", tag: "gw-alarm-rules", title: "Alarm rules", section: "alarms", load: () => import("../views/telemetry/alarm_rules.js") },
  { path: "/telemetry", tag: "gw-telemetry", title: "Telemetry", section: "telemetry", load: () => import("../views/telemetry/fleet.js") },
  { path: "/projects", tag: "gw-projects", title: "Projects", section: "projects", load: () => import("../views/projects/projects.js") },
  { path: "/projects/:name", tag: "gw-project", title: "Project", section: "projects", load: () => import("../views/projects/project.js") },
  { path: "/examples", tag: "gw-examples", title: "Examples", section: "projects", load: () => import("../views/projects/examples.js") },
  { path: "/notices", tag: "gw-notices", title: "Messages", section: "notices", load: () => import("../views/messages/notices.js") },
  { path: "/users", tag: "gw-users", title: "Users", section: "people", load: () => import("../views/people/users.js") },
  { path: "/users/:name", tag: "gw-user", title: "User", section: "people", load: () => import("../views/people/user.js") },
  { path: "/account", tag: "gw-account", title: "Your account", section: "people", load: () => import("../views/people/account.js") },
  { path: "/audit", tag: "gw-audit", title: "Audit log", section: "people", load: () => import("../views/people/audit.js") },
  { path: "/webhooks", tag: "gw-webhooks", title: "Webhooks", section: "people", load: () => import("../views/people/webhooks.js") },
  { path: "/connections", tag: "gw-connections", title: "Connections", section: "people", load: () => import("../views/setup/connections.js") },
  { path: "/welcome", tag: "gw-welcome", title: "First steps", section: "fleet", load: () => import("../views/setup/welcome.js") },
  { path: "/help", tag: "gw-help", title: "Help", section: "help", load: () => import("../views/help/help.js") },
  { path: "/help/:page*", tag: "gw-help", title: "Help", section: "help", load: () => import("../views/help/help.js") },

  host("", "gw-host-overview", "Overview", () => import("../views/host/overview.js")),
  host("/cpu", "gw-host-cpu", "CPU", () => import("../views/host/cpu.js")),
  host("/memory", "gw-host-memory", "Memory", () => import("../views/host/memory.js")),
  host("/devices", "gw-host-devices", "Devices", () => import("../views/host/devices.js")),
  host("/areas", "gw-host-areas", "Memory areas", () => import("../views/host/areas.js")),
  host("/areas/:area", "gw-host-area", "Memory area", () => import("../views/host/area.js"), "/areas"),
  host("/events", "gw-host-events", "Events", () => import("../views/host/events.js")),
  host("/events/:event", "gw-host-event", "Event", () => import("../views/host/event.js"), "/events"),
  host("/network", "gw-host-network", "Network", () => import("../views/host/network.js")),
  host("/guests", "gw-host-guests", "Guests", () => import("../views/host/guests.js")),
  host("/autostart", "gw-host-autostart", "Autostart", () => import("../views/host/autostart.js")),
  host("/templates", "gw-host-templates", "Templates", () => import("../views/host/templates.js")),
  host("/settings", "gw-host-settings", "Settings", () => import("../views/host/settings.js")),
  host("/history", "gw-host-history", "History", () => import("../views/sync/history.js")),
  host("/telemetry", "gw-host-telemetry", "Telemetry", () => import("../views/telemetry/host.js")),
  host("/messages", "gw-host-messages", "Messages", () => import("../views/messages/host.js")),
  host("/sync", "gw-sync", "Sync", () => import("../views/sync/sync.js"), ""),

  guest("", "gw-guest-overview", "Overview", () => import("../views/guest/overview.js")),
  guest("/devices", "gw-guest-devices", "Devices", () => import("../views/guest/devices.js")),
  guest("/areas", "gw-guest-areas", "Memory areas", () => import("../views/guest/areas.js")),
  guest("/events", "gw-guest-events", "Events", () => import("../views/guest/events.js")),
  guest("/network", "gw-guest-network", "Network", () => import("../views/guest/network.js")),
  guest("/performance", "gw-guest-performance", "Performance", () => import("../views/guest/performance.js")),
  guest("/console", "gw-guest-console", "Console", () => import("../views/guest/console.js")),
];

/** What the tabs of a host and of a guest show, in their order: the ends of their paths. */
export const HOST_TABS = [
  "", "/guests", "/cpu", "/memory", "/devices", "/areas", "/events", "/network", "/autostart", "/templates", "/settings",
  "/history", "/telemetry", "/messages",
];
export const GUEST_TABS = ["", "/devices", "/areas", "/events", "/network", "/performance", "/console"];

/** The main menu: what is not about one host. */
export const MENU = [
  { section: "fleet", label: "Fleet", path: "/" },
  { section: "alarms", label: "Alarms", path: "/alarms" },
  { section: "jobs", label: "Jobs", path: "/jobs" },
  { section: "rollouts", label: "Rollouts", path: "/rollouts" },
  { section: "telemetry", label: "Telemetry", path: "/telemetry" },
  { section: "projects", label: "Projects", path: "/projects" },
  { section: "notices", label: "Messages", path: "/notices" },
  { section: "people", label: "Administration", path: "/users" },
  { section: "help", label: "Help", path: "/help" },
];

/** What is beside one another in a place of the menu. @type {Record<string, readonly string[]>} */
export const SIDE_BY_SIDE = {
  fleet: ["/", "/groups"],
  jobs: ["/jobs", "/approvals"],
  rollouts: ["/rollouts", "/windows"],
  alarms: ["/alarms", "/alarms/rules"],
  projects: ["/projects", "/examples"],
  people: ["/users", "/connections", "/webhooks", "/audit", "/account"],
};

/**
 * @param {string} end @param {string} tag @param {string} title @param {() => Promise<unknown>} load @param {string} [tab]
 * @returns {Route}
 */
function host(end, tag, title, load, tab = end) {
  return { path: HOST + end, tag, title, load, frame: "host", tab, section: "fleet" };
}

/**
 * @param {string} end @param {string} tag @param {string} title @param {() => Promise<unknown>} load
 * @returns {Route}
 */
function guest(end, tag, title, load) {
  return { path: GUEST + end, tag, title, load, frame: "guest", tab: end, section: "fleet" };
}

/**
 * The page of a path; null: there is none.
 * @param {string} path
 * @param {readonly Route[]} [routes]
 * @returns {{route: Route, params: Record<string, string>} | null}
 */
export function match(path, routes = ROUTES) {
  const parts = path.split("/").filter(Boolean);
  let found = null;
  for (const route of routes) {
    const params = matched(route.path.split("/").filter(Boolean), parts);
    // what is written out goes before a parameter: /rollouts/new is no rollout's id
    if (params && (!found || Object.keys(params).length < Object.keys(found.params).length)) found = { route, params };
  }
  return found;
}

/**
 * What names of these kinds are like everywhere: an address with another one has no page, and nothing is asked for it.
 * @type {Record<string, RegExp>}
 */
const LIKE = { site: /^[a-z0-9-]{1,36}$/, host: /^[a-z0-9-]{1,36}$/, id: /^[A-Za-z0-9-]{1,64}$/ };

/**
 * @param {string[]} pattern
 * @param {string[]} parts
 * @returns {Record<string, string> | null}
 */
function matched(pattern, parts) {
  /** @type {Record<string, string>} */
  const params = {};
  for (const [at, word] of pattern.entries()) {
    if (word.endsWith("*")) {
      if (at >= parts.length) return null;
      params[word.slice(1, -1)] = decoded(parts.slice(at).join("/"));
      return params;
    }
    if (at >= parts.length) return null;
    if (word.startsWith(":")) {
      const name = word.slice(1);
      params[name] = decoded(parts[at]);
      if (name in LIKE && !LIKE[name].test(params[name])) return null;
    } else if (word !== parts[at]) return null;
  }
  return pattern.length === parts.length ? params : null;
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
