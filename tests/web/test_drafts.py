"""core/drafts.js: edits are seen at once, sent in order, and never lost without a word. The controller's side is a script here; the real one
is in test_editing_together.py."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conftest import ModulePage

WORLD = """
  const problem = (code, status, about = null) => Object.assign(new Error(code), { code, status, about });
  const stored = { guests: [{ name: "g", memory_mib: 256, vcpus: 1 }], areas: [], settings: {} };
  let revision = 1;
  const sent = [];
  let answers = [];
  let let_go = null;
  const api = {
    async get() { return { document: structuredClone(stored), revision, state: "dirty", author: "ada", findings: { issues: [] }, items: [] }; },
    async operation() { return { desired: { guests: [{ name: "g", memory_mib: 256, vcpus: 1 }], areas: [], settings: {} }, revision: { number: 0 } }; },
    async send(method, path, { body, ifMatch }) {
      sent.push([method, ifMatch, body]);
      if (let_go) await let_go;
      const answer = answers.shift();
      if (answer) throw answer;
      for (const edit of body ?? []) stored.guests[0][edit.path.split(".")[2]] = edit.value;
      revision += 1;
      return { document: { revision, state: "dirty", findings: { issues: [] } } };
    },
  };
  const live = { on: () => () => null, need: async () => null, listed: () => true, get: () => ({ revision }) };
  const drafts = new module.Drafts(api, live, { mode: "config" }, () => ({}));
  const draft = drafts.of("s/h");
  const until = async (what) => { for (let at = 0; at < 300 && !what(); at++) await new Promise((resolve) => setTimeout(resolve, 10)); };
  await until(() => draft.loaded);
  const set = (field, value) => draft.edit([{ op: "set", path: `guest.g.${field}`, value }]);
  const guest = () => draft.document.guests[0];
"""


def told(page: "ModulePage", script: str) -> Any:
    return page.run("core/drafts.js", f"async (module) => {{ {WORLD} {script} }}")


def test_an_edit_is_seen_before_it_is_stored(module_page: "ModulePage") -> None:
    script = """
      let open;
      let_go = new Promise((resolve) => { open = resolve; });
      set("memory_mib", 512);
      const at_once = [guest().memory_mib, draft.saving, draft.changed("guest.g.memory_mib"), draft.changed("guest.g.vcpus"), draft.before("guest.g.memory_mib")];
      open();
      await until(() => !draft.saving);
      return { at_once, then: [guest().memory_mib, draft.revision, stored.guests[0].memory_mib] };
    """
    assert told(module_page, script) == {"at_once": [512, True, True, False, 256], "then": [512, 2, 512]}


def test_edits_while_one_is_on_its_way_follow_together(module_page: "ModulePage") -> None:
    script = """
      let open;
      let_go = new Promise((resolve) => { open = resolve; });
      set("memory_mib", 512);
      set("memory_mib", 768);
      set("vcpus", 2);
      open();
      await until(() => !draft.saving);
      return sent.map(([, at, body]) => [at, body.map((edit) => edit.value)]);
    """
    assert told(module_page, script) == [[1, [512]], [2, [768, 2]]]


def test_while_the_controller_is_away_edits_are_kept_and_sent_later(module_page: "ModulePage") -> None:
    script = """
      answers = [problem("UNREACHABLE", 0)];
      set("memory_mib", 512);
      await until(() => draft.problem);
      const why = draft.problem.code;
      set("vcpus", 4);
      const meanwhile = [why, guest().memory_mib, guest().vcpus];
      await until(() => !draft.saving);
      return { meanwhile, then: [stored.guests[0].memory_mib, stored.guests[0].vcpus, guest().vcpus] };
    """
    assert told(module_page, script) == {"meanwhile": ["UNREACHABLE", 512, 4], "then": [512, 4, 4]}


def test_a_conflict_keeps_both_sides_until_somebody_settles_it(module_page: "ModulePage") -> None:
    script = """
      answers = [problem("REVISION-STALE", 412, { conflicts: [{ path: "guests.g.memory_mib", base: 256, mine: 512, theirs: 1024 }] })];
      stored.guests[0].memory_mib = 1024;
      revision = 7;
      set("memory_mib", 512);
      await until(() => draft.conflict);
      const conflict = [draft.conflict.mine.map((edit) => edit.value), draft.conflict.theirs.conflicts.length, guest().memory_mib, draft.conflict.theirs.revision];
      draft.settle(draft.conflict.mine);
      await until(() => !draft.saving);
      return { conflict, then: [guest().memory_mib, stored.guests[0].memory_mib, draft.conflict, sent.at(-1)[1]] };
    """
    assert told(module_page, script) == {"conflict": [[512], 1, 1024, 7], "then": [512, 512, None, 7]}


def test_what_is_refused_is_taken_back_and_said(module_page: "ModulePage") -> None:
    script = """
      answers = [problem("DOCUMENT-INVALID", 400)];
      set("memory_mib", -1);
      await until(() => draft.problem);
      return [draft.problem.code, guest().memory_mib, draft.saving];
    """
    assert told(module_page, script) == ["DOCUMENT-INVALID", 256, False]


def test_undo_and_redo(module_page: "ModulePage") -> None:
    script = """
      set("memory_mib", 512);
      set("vcpus", 2);
      const seen = [[guest().memory_mib, guest().vcpus, draft.canUndo, draft.canRedo]];
      for (const step of ["undo", "undo", "undo", "redo", "redo", "redo"]) {
        draft[step]();
        seen.push([guest().memory_mib, guest().vcpus, draft.canUndo, draft.canRedo]);
      }
      await until(() => !draft.saving);
      return { seen, stored: [stored.guests[0].memory_mib, stored.guests[0].vcpus] };
    """
    assert told(module_page, script) == {
        "seen": [
            [512, 2, True, False], [512, 1, True, True], [256, 1, False, True], [256, 1, False, True],
            [512, 1, True, True], [512, 2, True, False], [512, 2, True, False],
        ],
        "stored": [512, 2],
    }  # fmt: skip


def test_an_edit_before_anything_is_read_begins_with_what_there_is(module_page: "ModulePage") -> None:
    """Seen at once where it is known what the host has, and made in the draft that turns out to be there."""
    script = """
      const other = drafts.of("s/other");
      other.edit([{ op: "set", path: "guest.g.memory_mib", value: 512 }]);
      other.edit([{ op: "set", path: "guest.g.vcpus", value: 2 }]);
      await until(() => other.loaded && !other.saving);
      return [sent.map(([method]) => method), stored.guests[0].memory_mib, stored.guests[0].vcpus, other.canUndo];
    """
    assert told(module_page, script) == [["PATCH"], 512, 2, True]


def test_the_first_edit_is_seen_while_the_draft_begins(module_page: "ModulePage") -> None:
    script = """
      const has = api.get;
      let pulled;
      api.get = async () => { if (pulled) return has(); throw problem("DRAFT-MISSING", 404); };
      const send = api.send;
      let open;
      const held = new Promise((resolve) => { open = resolve; });
      api.send = async (method, path, given) => { if (path.endsWith("/pull")) { await held; pulled = true; return {}; } return send(method, path, given); };
      const other = drafts.of("s/other");
      await until(() => other.loaded);
      const before = other.document;
      other.edit([{ op: "set", path: "guest.g.memory_mib", value: 512 }]);
      const at_once = [other.document.guests[0].memory_mib, other.saving, other.changed("guest.g.memory_mib")];
      open();
      await until(() => !other.saving);
      return { before, at_once, then: [other.document.guests[0].memory_mib, stored.guests[0].memory_mib] };
    """
    assert told(module_page, script) == {"before": None, "at_once": [512, True, True], "then": [512, 512]}
