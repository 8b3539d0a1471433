"""core/drafts.js: edits are seen at once, sent in order, and never lost without a word. The controller's side is a script here; the real one
is in test_editing_together.py."""

from typing import TYPE_CHECKING, Any

import pytest

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
  const followers = new Set();
  const live = {
    on: (kind, follower) => { const one = { kind, follower }; followers.add(one); return () => followers.delete(one); },
    need: async () => null, listed: () => true, get: () => ({ revision, active_revision: 0 }),
  };
  const tell = (everything = false) => { for (const { kind, follower } of followers) if (kind === "draft") follower(everything ? [] : [{ kind, key: "s/h", document: {} }]); };
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
      await until(() => sent.length);
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


def test_an_older_answer_does_not_take_back_an_edit(module_page: "ModulePage") -> None:
    """One that was asked for before the edit was stored, or while it was being stored."""
    script = """
      const has = api.get;
      let answer;
      api.get = async () => { const old = await has(); await new Promise((resolve) => { answer = resolve; }); return old; };
      const reading = draft.reload();
      await until(() => answer);
      set("memory_mib", 512);
      await until(() => !draft.saving);
      api.get = has;
      answer();
      await reading;
      return [guest().memory_mib, draft.revision];
    """
    assert told(module_page, script) == [512, 2]


def test_what_waits_does_not_overwrite_what_others_did_meanwhile(module_page: "ModulePage") -> None:
    """The edit was made from revision 1, and is sent as one of that, whatever was told of others in between."""
    script = """
      answers = [problem("UNREACHABLE", 0)];
      set("memory_mib", 512);
      await until(() => draft.problem);
      stored.guests[0].memory_mib = 1024;
      revision = 2;
      tell();
      await until(() => !draft.saving);
      return sent.map(([, at]) => at);
    """
    assert told(module_page, script) == [1, 1]


def test_a_reading_while_an_edit_waits_is_not_what_it_was_made_from(module_page: "ModulePage") -> None:
    script = """
      answers = [problem("UNREACHABLE", 0)];
      set("memory_mib", 512);
      await until(() => draft.problem);
      revision = 2;
      await draft.reload();
      await until(() => !draft.saving);
      return sent.map(([, at]) => at);
    """
    assert told(module_page, script) == [1, 1]


def test_a_list_that_is_behind_takes_no_draft_away(module_page: "ModulePage") -> None:
    """The stream is cut off: the list of drafts does not have yet what has just begun."""
    script = """
      live.get = (kind) => kind === "draft" ? undefined : { active_revision: 0 };
      await draft.reload();
      return [draft.document !== null, draft.revision];
    """
    assert told(module_page, script) == [True, 1]


def test_one_bad_edit_takes_no_others_with_it(module_page: "ModulePage") -> None:
    script = """
      answers = [problem("INVALID-BODY", 400), null, problem("INVALID-BODY", 400), null];
      set("memory_mib", 512); set("vcpus", -1); set("memory_mib", 640);
      await until(() => !draft.saving);
      const seen = [sent.map(([, , body]) => body.map((edit) => edit.value)), guest().memory_mib, guest().vcpus, draft.problem.code];
      draft.undo();
      await until(() => !draft.saving);
      draft.undo();
      await until(() => !draft.saving);
      return { seen, then: [guest().memory_mib, guest().vcpus, draft.canUndo] };
    """
    assert told(module_page, script) == {
        "seen": [[[512, -1, 640], [512], [-1], [640]], 640, 1, "INVALID-BODY"], "then": [256, 1, False],
    }  # fmt: skip


@pytest.mark.parametrize(("code", "status"), [("THROTTLED", 429), ("UNAVAILABLE", 503)])
def test_a_controller_that_has_no_time_is_asked_again(module_page: "ModulePage", code: str, status: int) -> None:
    script = f"""
      answers = [problem("{code}", {status})];
      set("memory_mib", 512);
      await until(() => !draft.saving);
      return [guest().memory_mib, draft.problem, sent.length];
    """
    assert told(module_page, script) == [512, None, 2]


def test_what_was_edited_when_a_session_ended_is_stored_when_it_is_back(module_page: "ModulePage") -> None:
    script = """
      answers = [problem("UNAUTHENTICATED", 401)];
      set("memory_mib", 512);
      await until(() => sent.length);
      const meanwhile = [guest().memory_mib, draft.saving];
      tell(true);
      await until(() => !draft.saving);
      return { meanwhile, then: [stored.guests[0].memory_mib, sent.length] };
    """
    assert told(module_page, script) == {"meanwhile": [512, True], "then": [512, 2]}


def test_edits_of_before_and_after_a_conflict_go_in_in_their_order(module_page: "ModulePage") -> None:
    script = """
      answers = [problem("REVISION-STALE", 412, { conflicts: [] })];
      set("memory_mib", 512);
      await until(() => draft.conflict);
      set("memory_mib", 768);
      const waits = sent.length;
      draft.settle(draft.conflict.mine);
      await until(() => !draft.saving);
      return [waits, sent.at(-1)[2].map((edit) => edit.value), stored.guests[0].memory_mib];
    """
    assert told(module_page, script) == [1, [512, 768], 768]


def test_what_was_edited_while_theirs_was_taken_is_stored(module_page: "ModulePage") -> None:
    script = """
      answers = [problem("REVISION-STALE", 412, { conflicts: [] })];
      set("memory_mib", 512);
      await until(() => draft.conflict);
      set("vcpus", 3);
      draft.settle([]);
      await until(() => !draft.saving);
      return stored.guests[0].vcpus;
    """
    assert told(module_page, script) == 3


def test_a_name_that_is_taken_is_no_conflict(module_page: "ModulePage") -> None:
    script = """
      answers = [problem("EXISTS", 409)];
      set("memory_mib", 512);
      await until(() => draft.problem);
      return [draft.conflict, draft.problem.code, draft.saving, draft.canUndo];
    """
    assert told(module_page, script) == [None, "EXISTS", False, False]


def test_a_draft_that_cannot_begin_is_not_asked_for_for_ever(module_page: "ModulePage") -> None:
    script = """
      answers = [problem("DRAFT-MISSING", 404), problem("HOST-NOT-APPROVED", 409), problem("HOST-NOT-APPROVED", 409), problem("HOST-NOT-APPROVED", 409)];
      api.get = async () => { throw problem("DRAFT-MISSING", 404); };
      set("memory_mib", 512); set("vcpus", 2);
      await until(() => !draft.saving);
      return [draft.problem.code, draft.document, sent.length < 6];
    """
    assert told(module_page, script) == ["HOST-NOT-APPROVED", None, True]


def test_a_draft_that_was_taken_away_is_gone(module_page: "ModulePage") -> None:
    """With what could be undone of it."""
    script = """
      set("memory_mib", 512);
      await until(() => !draft.saving);
      api.get = async () => { throw problem("DRAFT-MISSING", 404); };
      tell();
      await until(() => !draft.document);
      const seen = [draft.document, draft.canUndo, draft.state];
      draft.undo();
      return [...seen, draft.saving];
    """
    assert told(module_page, script) == [None, False, "none", False]


def test_what_the_rules_say_anew_of_the_same_revision_is_shown(module_page: "ModulePage") -> None:
    script = """
      const has = api.get;
      api.get = async () => ({ ...(await has()), state: "behind" });
      tell();
      await until(() => draft.state === "behind");
      return [draft.state, draft.revision];
    """
    assert told(module_page, script) == ["behind", 1]


def test_who_looks_at_a_draft_that_waits_for_a_choice_is_told(module_page: "ModulePage") -> None:
    script = """
      answers = [problem("REVISION-STALE", 412, { conflicts: [] })];
      set("memory_mib", 512);
      return draft.pull().then(() => "", (error) => error.code);
    """
    assert told(module_page, script) == "DRAFT-CONFLICT"


def test_who_is_forgotten_asks_for_nothing_and_sends_nothing(module_page: "ModulePage") -> None:
    """Whoever signs in next: the edit that waited to be sent again was somebody else's."""
    script = """
      const before = followers.size;
      answers = [problem("UNREACHABLE", 0)];
      set("memory_mib", 512);
      await until(() => draft.problem);
      drafts.forget();
      await until(() => !draft._sending);
      return [before, followers.size, sent.length];
    """
    assert told(module_page, script) == [2, 0, 1]
