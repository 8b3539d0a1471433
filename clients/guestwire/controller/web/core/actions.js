/** The least role for what people do: the controller's own actions. It decides by itself; this only says beforehand what it will say. */

/** @type {readonly string[]} each may do what those before it may */
export const ROLES = ["observer", "operator", "engineer", "admin"];

/** @type {Record<string, string>} the same table as controller/users/actions.py */
export const ACTIONS = {
  "read": "observer",
  "host-approve": "admin",
  "host-forget": "admin",
  "host-label": "engineer",
  "group-set": "engineer",
  "connection-set": "admin",
  "draft-edit": "engineer",
  "project-save": "engineer",
  "job-retry": "operator",
  "job-approve": "operator",
  "rollout-start": "operator",
  "rollout-control": "operator",
  "window-set": "engineer",
  "alarm-ack": "operator",
  "alarm-clear": "operator",
  "rule-set": "engineer",
  "webhook-set": "admin",
  "message-clear": "operator",
  "telemetry-set": "engineer",
  "user-read": "admin",
  "user-set": "admin",
  "role-set": "admin",
  "audit-read": "admin",
  "controller-read": "observer",
  "controller-set": "admin",
};

/** Where no host is meant, the role on any one host is enough for these; for the others it must be on everything. */
export const ANYWHERE = new Set([
  "read", "draft-edit", "project-save", "job-retry", "job-approve", "rollout-start", "rollout-control", "window-set",
  "alarm-ack", "alarm-clear", "controller-read",
]);
