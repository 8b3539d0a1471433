/** What views are given: one frozen record, made in main.js. Only types. */

/**
 * @typedef {object} Services
 * @property {import("./api.js").Api} api
 * @property {import("./live.js").Live} live
 * @property {import("./router.js").Router} router
 * @property {import("./session.js").Session} session
 * @property {import("./hosts.js").Hosts} hosts
 * @property {import("./drafts.js").Drafts} drafts
 * @property {import("./jobs.js").Jobs} jobs
 * @property {import("./commands.js").Commands} commands
 * @property {import("./signing.js").Signing} signing
 * @property {import("./prefs.js").Prefs} prefs
 * @property {import("../parts/say.js").Say} say
 * @property {import("../parts/dialogs.js").Dialogs} dialogs
 * @property {() => Promise<any>} schema JSON Schema of what a host shall be
 * @property {string} base where this build's files are
 */
export {};
