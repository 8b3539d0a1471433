/** The ways to hosts and what each needs to be told: one table for the wizard and the connections' form. */

import { word } from "../../core/command_line.js";

/** @typedef {"socket" | "tcp" | "mqtt"} Via */
/**
 * @typedef {object} WayField
 * @property {string} name
 * @property {string} label
 * @property {string} [hint]
 * @property {boolean} [need]
 * @property {boolean} [several] words with blanks between them
 * @property {boolean} [more] seldom needed
 */

const PATH = "The whole path at the controller, from / on.";

/** @type {WayField[]} */
const SIGNING = [
  { name: "key", label: "Key that the controller signs with",
    hint: `As keys/controller-main.key of the site. ${PATH}` },
  { name: "trust", label: "Trust document", hint: `The site's file trust; goes together with the root's key. ${PATH}` },
  { name: "root", label: "Public key of the root", hint: `The site's root.pub. ${PATH}` },
];

/** @type {WayField[]} */
const CERTIFICATES = [
  { name: "ca", label: "CA of the other end", hint: `As tls/ca.crt. ${PATH}` },
  { name: "certificate", label: "The controller's certificate",
    hint: `As tls/main.crt; goes together with its key. ${PATH}` },
  { name: "certificate_key", label: "Key of the certificate", hint: `As tls/main.key. ${PATH}` },
];

/** @type {readonly {via: Via, label: string, text: string, fields: readonly WayField[]}[]} */
export const WAYS = [
  {
    via: "socket", label: "This machine (Unix socket)",
      text: "The host is the machine that the controller runs on: its agent listens at a socket.",
    fields: [
      { name: "socket", label: "Socket of the agent", hint: "As /run/guestwire/agent.sock.", need: true },
      { name: "host", label: "Host", hint: "Its id: a to z, 0 to 9 and hyphen.", need: true },
      ...SIGNING.map((one) => ({ ...one, more: true })),
    ],
  },
  {
    via: "tcp", label: "One host by TCP and TLS",
      text: "The agent of one host listens at an address that the controller reaches.",
    fields: [
      { name: "address", label: "Address", hint: "NAME:PORT; the port is 6000 where none is written.", need: true },
      { name: "host", label: "Host", hint: "Its id: a to z, 0 to 9 and hyphen.", need: true },
      ...CERTIFICATES.map((one) => ({ ...one, need: true })),
      ...SIGNING,
    ],
  },
  {
    via: "mqtt", label: "All hosts of a site by an MQTT broker",
      text: "Hosts dial out to a broker, and so does the controller: no port is open at a host.",
    fields: [
      { name: "brokers", label: "Brokers", hint: "mqtts://NAME:8883, several with blanks between them.", need: true,
        several: true },
      ...CERTIFICATES,
      ...SIGNING,
      { name: "username", label: "User name at the broker", more: true },
      { name: "password_file", label: "File with the password", hint: PATH, more: true },
      { name: "transport", label: "MQTT client", hint: "auto, mqtt5 or aiomqtt; auto where it stays empty.",
        more: true },
      { name: "client", label: "The controller's name there",
        hint: "That of its key or certificate where it stays empty.", more: true },
      { name: "authority", label: "Service of the site",
        hint: "Where guestwire site serve listens, with https:// before it: newer trust documents come from there.",
          more: true },
    ],
  },
];

/** @param {string} via */
export function wayOf(via) {
  return WAYS.find((one) => one.via === via) ?? WAYS[WAYS.length - 1];
}

/**
 * What is wrong with what was typed; empty: nothing that can be seen from here.
 * @param {string} via
 * @param {Record<string, string>} values
 * @returns {Record<string, string>} by field
 */
export function missing(via, values) {
  /** @type {Record<string, string>} */
  const found = {};
  for (const name of ["name", "site"]) if (!(values[name] ?? "").trim()) found[name] = "This is needed.";
  for (const field of wayOf(via).fields) if (field.need
    && !(values[field.name] ?? "").trim()) found[field.name] = "This is needed.";
  for (const [one, other] of [["trust", "root"], ["certificate", "certificate_key"]]) {
    if (values[one]?.trim() && !values[other]?.trim()) found[other] ??= "The two go together.";
    if (values[other]?.trim() && !values[one]?.trim()) found[one] ??= "The two go together.";
  }
  return found;
}

/**
 * The connection as the API takes it.
 * @param {string} via
 * @param {Record<string, string>} values
 * @param {Record<string, unknown> | null} [before] the connection that is changed: what the form does not ask for
 *   stays, unless its way is another one
 */
export function connectionOf(via, values, before = null) {
  /** @type {Record<string, unknown>} */
  const made = { ...(before?.via === via ? before : {}), via, name: (values.name ?? "").trim(),
    site: (values.site ?? "").trim() };
  for (const field of wayOf(via).fields) {
    const text = (values[field.name] ?? "").trim();
    if (text) made[field.name] = field.several ? text.split(/[\s,]+/) : text;
    else delete made[field.name];
  }
  return made;
}

/**
 * A connection as it is typed: the other way round.
 * @param {object} connection
 * @returns {Record<string, string>}
 */
export function valuesOf(connection) {
  return Object.fromEntries(Object.entries(connection).flatMap(([name, value]) =>
    value === null || value === undefined ? [] : [[name, Array.isArray(value) ? value.join(" ") : String(value)]]));
}

/** Options of `guestwire connection add` by field. @type {Record<string, string>} */
const OPTIONS = {
  site: "--site", brokers: "--broker", address: "--address", socket: "--agent-socket", host: "--host", ca: "--ca",
    certificate: "--certificate",
  certificate_key: "--certificate-key", username: "--username", password_file: "--password-file", key: "--key",
    trust: "--trust",
  root: "--root", client: "--client",
};

/**
 * The same with the command line. Empty: it has no option for something of it.
 * @param {string} via
 * @param {Record<string, string>} values
 */
export function connectionLine(via, values) {
  const made = connectionOf(via, values);
  if (Object.keys(made).some((name) => !(name in OPTIONS) && name !== "via" && name !== "name")) return "";
  const words = Object.entries(OPTIONS).flatMap(([name, option]) => {
    const value = made[name];
    return value ? (Array.isArray(value) ? value : [value]).map((one) => `${option} ${word(String(one))}`) : [];
  });
  return ["guestwire connection add", word(String(made.name || "NAME")), ...words].join(" ");
}
