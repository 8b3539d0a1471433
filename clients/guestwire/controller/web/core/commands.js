/** What can be done to guests and hosts, as tables: name, operation, the states it is allowed in, its line of the command line. */

import { line } from "./command_line.js";

/** @typedef {{host: string, guest?: string}} Ctx */
/**
 * @typedef {object} Command
 * @property {string} id
 * @property {string} label
 * @property {string} operation
 * @property {(ctx: Ctx) => object} body
 * @property {readonly string[]} [states] of the guest; none: any
 * @property {boolean} [destructive] asks for the name
 * @property {boolean} [attached] only where guests may be attached to the communication services
 * @property {string} [text] what it means, for the question
 * @property {(ctx: Ctx) => string} cli
 */

const RUNS = ["running", "ready", "starting", "paused", "crashed"];

/** @param {Ctx} ctx */
const ofGuest = (ctx) => ({ guest: ctx.guest });
const nothing = () => ({});

/** @param {string} verb @returns {(ctx: Ctx) => string} */
const guestLine = (verb) => (ctx) => line`guestwire guest ${verb} ${short(ctx.host)}/${ctx.guest}`;
/** @param {string} words @returns {(ctx: Ctx) => string} */
const hostLine = (words) => (ctx) => `guestwire ${words.replace("HOST", short(ctx.host))}`;

/** @param {string} host */
const short = (host) => host.split("/")[1] ?? host;

/** @type {readonly Command[]} */
export const GUEST_COMMANDS = [
  { id: "start", label: "Start", operation: "guest-start", body: ofGuest, states: ["stopped", "crashed"], cli: guestLine("start") },
  { id: "resume", label: "Resume", operation: "guest-resume", body: ofGuest, states: ["paused"], cli: guestLine("resume") },
  { id: "shutdown", label: "Shut down", operation: "guest-shutdown", body: ofGuest, states: ["running", "ready"], cli: guestLine("shutdown") },
  { id: "pause", label: "Pause", operation: "guest-pause", body: ofGuest, states: ["running", "ready"], cli: guestLine("pause") },
  { id: "restart", label: "Restart", operation: "guest-reset", body: ofGuest, states: RUNS, destructive: true, cli: guestLine("reset"),
    text: "The guest is reset at once, as by its reset button: what it has not saved is lost." },
  { id: "destroy", label: "Power off", operation: "guest-destroy", body: ofGuest, states: [...RUNS, "stopping", "unknown"],
    destructive: true, cli: guestLine("destroy"), text: "The power is taken away at once: what the guest has not saved is lost." },
];

/** @type {readonly Command[]} */
export const HOST_COMMANDS = [
  { id: "boot", label: "Start all guests", operation: "guests-boot", body: () => ({ all: true }), cli: hostLine("boot HOST --all") },
  { id: "stop", label: "Shut down all guests", operation: "guests-shutdown", body: nothing, cli: hostLine("shutdown HOST"),
    destructive: true, text: "Every guest of the host is asked to shut down." },
  { id: "comm-start", label: "Start communication", operation: "comm-start", body: nothing, cli: hostLine("comm start HOST") },
  { id: "comm-stop", label: "Stop communication", operation: "comm-stop", body: nothing, cli: hostLine("comm stop HOST"),
    destructive: true, text: "Areas, events and networks between the guests end. It is refused while guests are attached." },
  { id: "comm-stop-force", label: "Stop communication, whoever is attached", operation: "comm-stop", body: () => ({ force: true }),
    cli: hostLine("comm stop HOST --force"), destructive: true, attached: true,
    text: "Areas, events and networks between the guests end even while guests are attached: their calls fail from then on." },
  { id: "comm-restart", label: "Restart communication", operation: "comm-restart", body: nothing, cli: hostLine("comm restart HOST"),
    destructive: true, text: "Areas, events and networks between the guests are made anew. It is refused while guests are attached." },
  { id: "comm-restart-force", label: "Restart communication, whoever is attached", operation: "comm-restart", body: () => ({ force: true }),
    cli: hostLine("comm restart HOST --force"), destructive: true, attached: true,
    text: "Areas, events and networks between the guests are made anew even while guests are attached: those must be restarted then." },
  { id: "reboot", label: "Reboot", operation: "host-reboot", body: nothing, cli: hostLine("host reboot HOST"), destructive: true,
    text: "The host restarts. It refuses while guests run." },
  { id: "reboot-force", label: "Reboot, whatever runs", operation: "host-reboot", body: () => ({ force: true }),
    cli: hostLine("host reboot HOST --force"), destructive: true, text: "The host restarts even while guests run: they lose what they have not saved." },
  { id: "poweroff", label: "Power off", operation: "host-poweroff", body: nothing, cli: hostLine("host poweroff HOST"), destructive: true,
    text: "The host is switched off; somebody has to switch it on again on the spot. It refuses while guests run." },
  { id: "poweroff-force", label: "Power off, whatever runs", operation: "host-poweroff", body: () => ({ force: true }),
    cli: hostLine("host poweroff HOST --force"), destructive: true,
    text: "The host is switched off even while guests run: they lose what they have not saved, and somebody has to switch it on again." },
];

/**
 * What becomes of jobs for hosts that are not there.
 * @param {string} who as "3 hosts are"
 * @param {string} each who gets a job
 */
export function awayText(who, each) {
  return `${who} not there now: ${each} gets its job when it is back within an hour, else the job ends.`;
}

/** Carries commands out, and says beforehand whether that is possible. */
export class Commands {
  /**
   * @param {import("./session.js").Session} session
   * @param {import("./live.js").Live} live
   * @param {import("./hosts.js").Hosts} hosts
   * @param {import("./jobs.js").Jobs} jobs
   * @param {import("../parts/dialogs.js").Dialogs} dialogs
   */
  constructor(session, live, hosts, jobs, dialogs) {
    this._session = session;
    this._live = live;
    this._hosts = hosts;
    this._jobs = jobs;
    this._dialogs = dialogs;
    this.guest = GUEST_COMMANDS;
    this.host = HOST_COMMANDS;
  }

  /**
   * Why a command is not possible now; empty: it is.
   * @param {Command} command
   * @param {Ctx} ctx
   */
  why(command, ctx) {
    if (!this._session.may(command.operation, ctx.host)) return "Your role does not allow this.";
    const host = this._live.get("host", ctx.host);
    if (!host) return "The host is not known.";
    if (host.approval !== "approved") return "The host is not let in yet.";
    if (ctx.guest && command.states) {
      const state = this._hosts.of(ctx.host).guest(ctx.guest)?.state;
      if (!state) return "The host does not have this guest yet: Sync first.";
      if (!command.states.includes(state)) return `Not possible while the guest is ${state}.`;
    }
    if (command.attached) {
      const guests = this._hosts.of(ctx.host).detail?.guest_list;
      if (guests?.every((one) => one.state === "stopped")) return "No guest runs, so none is attached: it goes without force.";
    }
    return "";
  }

  /**
   * Ask where that must be, then have it done. Where the host is not there it is asked always: the job may begin when nobody thinks
   * of it any more.
   * @param {Command} command
   * @param {Ctx} ctx
   */
  async run(command, ctx) {
    const name = ctx.guest ?? short(ctx.host);
    const away = this._live.get("host", ctx.host)?.state === "online" ? "" : awayText("The host is", "it");
    const text = [command.text, away].filter(Boolean).join(" ");
    const question = { title: `${command.label}: ${name}`, text, action: command.label };
    if (command.destructive && !await this._dialogs.confirmName({ ...question, name })) return;
    if (!command.destructive && away && !await this._dialogs.confirm(question)) return;
    await this._jobs.order({ operation: command.operation, hosts: [ctx.host], body: command.body(ctx) });
  }
}
