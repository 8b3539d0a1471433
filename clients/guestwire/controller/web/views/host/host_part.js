/** What every page of a host has: its data, its draft, and what is shown until these are there. */

import { html } from "lit";
import { empty } from "../../parts/empty.js";
import { Part } from "../../parts/part.js";

export class HostPart extends Part {
  connectedCallback() {
    super.connectedCallback();
    this.watch(this.data);
    this.watch(this.draft);
  }

  /** "site/host" */
  get host() {
    return `${this.params.site}/${this.params.host}`;
  }

  get data() {
    return this.services.hosts.of(this.host);
  }

  get draft() {
    return this.services.drafts.of(this.host);
  }

  /** Whether the draft is shown and edited. */
  get config() {
    return this.services.router.mode === "config";
  }

  /** Whether controls are there to edit with. */
  get editable() {
    return this.config && this.services.session.may("draft-edit", this.host);
  }

  /** The configuration that is shown; null: not read yet. @returns {any} */
  get desired() {
    return this.draft.shown;
  }

  /** @returns {any} null: not read yet */
  get topology() {
    return this.data.inventory?.topology ?? null;
  }

  /** MiB of the host; 0: not known */
  get memory() {
    return this.data.inventory?.host?.facts?.memory_mib ?? this.data.detail?.memory_mib ?? 0;
  }

  /** What stands in the place of a page that has nothing to show yet. */
  waiting() {
    const problem = this.draft.problem ?? this.data.error;
    if (!problem || !this.draft.loaded) return html`<p class="muted" role="status">Reading from the host ...</p>`;
    return empty({
      title: "The host's configuration could not be read.", text: `${problem.message} It is read again when the host is back.`,
      action: html`<button type="button" class="button" @click=${() => this.again()}>Try again</button>`,
    });
  }

  again() {
    void this.draft.reload();
    void this.data.read();
  }

  /** Have the host read its devices and its topology anew. */
  async askAnew() {
    try {
      await this.data.refresh();
      this.services.say.done("The host was asked anew: what it has is shown.");
    } catch (error) {
      this.services.say.problem(error);
    }
  }

  /** What stands in the place of a page that needs the machine, which is not known. */
  unread() {
    return empty({
      title: "The machine of this host has not been read.", text: "It is read when the host is let in and answers.",
      action: html`<button type="button" class="button" @click=${() => this.askAnew()}>Update device details</button>`,
    });
  }
}
