/** Puts everything together: the one place where services are made. */

import { html } from "lit";
import { Api } from "./core/api.js";
import { Commands } from "./core/commands.js";
import { defaultsOf } from "./core/defaults.js";
import { Drafts } from "./core/drafts.js";
import { Hosts } from "./core/hosts.js";
import { Jobs } from "./core/jobs.js";
import { Keys } from "./core/keys.js";
import { Live } from "./core/live.js";
import { part } from "./core/part_loading.js";
import { Prefs } from "./core/prefs.js";
import { Router } from "./core/router.js";
import { Session } from "./core/session.js";
import { Signing } from "./core/signing.js";
import { Dialogs } from "./parts/dialogs.js";
import { Say } from "./parts/say.js";
import "./shell/app.js";

/** @param {string} tag */
function place(tag) {
  const made = document.createElement(tag);
  document.body.append(made);
  return made;
}

const base = new URL(".", import.meta.url).pathname;
const app = /** @type {import("./shell/app.js").App} */ (document.createElement("gw-app"));
document.body.append(app);
const say = new Say(place("div"));
const dialogs = new Dialogs(place("div"));
const api = new Api();
const live = new Live(api, () => new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/stream`));
const router = new Router(window);
const session = new Session(api, live, () => document.cookie);
const prefs = new Prefs(localStorage);
const hosts = new Hosts(api, live);

/** @type {Promise<any> | null} */
let reading = null;
let defaults = {};
const schema = () => {
  reading ??= fetch(`${base}schema.json`).then((response) => response.json()).then((document) => {
    defaults = defaultsOf(document);
    return document;
  });
  return reading;
};

const drafts = new Drafts(api, live, router, () => defaults);
/** @type {import("./core/services.js").Services} */
const services = Object.freeze({
  api, live, router, session, hosts, drafts, prefs, say, dialogs, schema, base,
  get jobs() { return jobs; },
  get commands() { return commands; },
  get signing() { return signing; },
});
const jobs = new Jobs(api, live, say, () => signing);
const commands = new Commands(session, live, hosts, jobs, dialogs);
const signing = new Signing(api, new Keys(api, indexedDB, crypto), () => session.me, async (id) => {
  await part(() => import("./views/sync/sign_approval.js"));
  return dialogs.open((close) => html`<gw-sign-approval .services=${services} .approval=${id} .close=${close}></gw-sign-approval>`,
    { title: "Sign what is to be allowed", wide: true });
});

addEventListener("online", () => live.hurry());
document.addEventListener("visibilitychange", () => document.hidden || live.hurry());
addEventListener("gw-load-anew", (event) => {
  if (drafts.saving || document.querySelector("dialog[open]")) event.preventDefault();
});
app.begin(services);
