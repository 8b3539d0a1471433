"""core/live.js: what a page knows, whatever happens to its connection. The controller is a script of messages here; the real one is in
test_shell.py."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conftest import ModulePage

EPOCH = "0" * 32
SOCKETS = """
  const sockets = [];
  class Socket {
    constructor() { this.sent = []; sockets.push(this); }
    send(text) { this.sent.push(JSON.parse(text)); }
    say(...messages) { for (const one of messages) this.onmessage({ data: JSON.stringify(one) }); }
    close() { this.onclose({ code: 1005 }); }
    lose(code = 1006) { this.onclose({ code }); }
  }
  const api = new EventTarget();
  api.all = async (path) => (path === "/drafts" ? [{ site: "s", host: "h1", revision: 3 }] : []);
  let out = 0;
  api.addEventListener("signed-out", () => { out += 1; });
  const live = new module.Live(api, () => new Socket());
  const host = (name, state) => ({ kind: "host", key: `s/${name}`, document: { site: "s", host: name, state } });
  const until = async (what) => { for (let at = 0; at < 200 && !what(); at++) await new Promise((resolve) => setTimeout(resolve, 10)); };
  live.begin();
  sockets[0].onopen();
"""
BEGUN = f"""
  sockets[0].say({{ type: "snapshot", epoch: "{EPOCH}", revision: 5, kind: "host", items: [host("h1", "online"), host("h2", "online")] }},
    {{ type: "ready", epoch: "{EPOCH}", revision: 5 }});
"""


def told(page: "ModulePage", script: str) -> Any:
    return page.run("core/live.js", f"async (module) => {{ {SOCKETS} {script} }}")


def test_a_snapshot_and_what_changes_after_it(module_page: "ModulePage") -> None:
    script = """
      const seen = [];
      live.on("host", (changes) => seen.push(changes.map((change) => change.key)));
      sockets[0].say({ type: "delta", revision: 6, changes: [host("h1", "offline"), { kind: "host", key: "s/h2", document: null }] });
      return { state: live.state, hosts: [...live.map("host").values()].map((one) => [one.host, one.state]), seen,
        asked: sockets[0].sent.map((one) => Object.keys(one)) };
    """
    assert told(module_page, BEGUN + script) == {
        "state": "live", "hosts": [["h1", "offline"]], "seen": [["s/h1", "s/h2"]], "asked": [["subscribe"]],
    }  # fmt: skip


def test_half_a_snapshot_shows_nothing_of_it(module_page: "ModulePage") -> None:
    script = """
      sockets[0].say({ type: "snapshot", epoch: "0", revision: 9, kind: "host", items: [host("h9", "online")] });
      return [...live.map("host").keys()];
    """
    assert told(module_page, BEGUN + script) == ["s/h1", "s/h2"]


def test_who_was_cut_off_resumes_where_they_were(module_page: "ModulePage") -> None:
    script = """
      sockets[0].say({ type: "delta", revision: 8, changes: [host("h1", "suspect")] }, { type: "heartbeat", revision: 11, at: 0 });
      sockets[0].lose();
      const lost = [live.state, live.lostAt > 0];
      live.hurry();
      sockets[1].onopen();
      sockets[1].say({ type: "delta", revision: 12, changes: [host("h2", "offline")] }, { type: "ready", epoch: "%s", revision: 12 });
      return { lost, resume: sockets[1].sent[0].resume, state: live.state, lostAt: live.lostAt,
        hosts: [...live.map("host").values()].map((one) => [one.host, one.state]) };
    """
    assert told(module_page, BEGUN + script % EPOCH) == {
        "lost": ["lost", True], "resume": {"epoch": EPOCH, "revision": 11}, "state": "live", "lostAt": 0,
        "hosts": [["h1", "suspect"], ["h2", "offline"]],
    }  # fmt: skip


def test_who_signs_in_next_sees_nothing_of_the_one_before(module_page: "ModulePage") -> None:
    """Nor of half a snapshot, nor that the connection was lost; and begins anew, once."""
    script = """
      sockets[0].lose();
      live.hurry();
      sockets[1].onopen();
      sockets[1].say({ type: "snapshot", epoch: "0", revision: 9, kind: "alarm", items: [{ kind: "alarm", key: "secret", document: {} }] });
      live.end();
      const gone = [live.state, live.map("host").size];
      live.begin();
      live.begin();
      sockets[2].onopen();
      sockets[2].say({ type: "snapshot", epoch: "0", revision: 9, kind: "host", items: [host("h1", "online")] }, { type: "ready", epoch: "0", revision: 9 });
      return { gone, sockets: sockets.length, resume: sockets[2].sent[0].resume ?? null, alarms: live.map("alarm").size, state: live.state };
    """
    assert told(module_page, BEGUN + script) == {
        "gone": ["connecting", 0], "sockets": 3, "resume": None, "alarms": 0, "state": "live",
    }  # fmt: skip


def test_what_is_told_while_a_list_is_read_is_newer(module_page: "ModulePage") -> None:
    script = """
      let answer;
      api.all = () => new Promise((resolve) => { answer = resolve; });
      const need = live.need("draft");
      await until(() => answer);
      const draft = (host, revision) => ({ kind: "draft", key: `s/${host}`, document: revision && { site: "s", host, revision } });
      sockets[0].say({ type: "delta", revision: 6, changes: [draft("h1", 4), draft("h2", null), draft("h3/plan", 1)] });
      answer([{ site: "s", host: "h1", revision: 3 }, { site: "s", host: "h2", revision: 9 }]);
      await need;
      return [...live.map("draft")].map(([key, one]) => [key, one.revision]);
    """
    assert told(module_page, BEGUN + script) == [["s/h1", 4]]


def test_a_list_that_cannot_be_read_says_so_and_is_asked_for_again(module_page: "ModulePage") -> None:
    script = """
      const all = api.all;
      api.all = async () => { throw new Error("not now"); };
      live.on("project", () => null); // it does without
      const why = await live.need("project").catch((error) => error.message);
      api.all = all;
      await live.need("project");
      return [why, live.listed("project")];
    """
    assert told(module_page, BEGUN + script) == ["not now", True]


def test_of_what_there_is_too_much_that_goes_which_ended_first(module_page: "ModulePage") -> None:
    script = """
      const job = (at, document) => ({ kind: "job", key: `j${at}`, document });
      const many = Array.from({ length: 2000 }, (_, at) => job(at, at === 7 ? { finished_at: 5 } : at === 9 ? { finished_at: 3 } : {}));
      sockets[0].say({ type: "delta", revision: 6, changes: [...many, job(2000, {}), job(2001, {})] });
      return [live.map("job").size, ["j0", "j7", "j9", "j2001"].map((key) => live.map("job").has(key))];
    """
    assert told(module_page, BEGUN + script) == [2000, [True, False, False, True]]


def test_it_tries_again_by_itself(module_page: "ModulePage") -> None:
    script = "sockets[0].lose(); await until(() => sockets.length > 1); return sockets.length;"
    assert told(module_page, BEGUN + script) == 2


def test_a_resync_replaces_everything(module_page: "ModulePage") -> None:
    script = """
      const seen = [];
      live.on("host", (changes) => seen.push(changes.length));
      sockets[0].say({ type: "resync", reason: "behind" },
        { type: "snapshot", epoch: "1", revision: 1, kind: "host", items: [host("h3", "online")] }, { type: "ready", epoch: "1", revision: 1 });
      return [[...live.map("host").keys()], seen];
    """
    assert told(module_page, BEGUN + script) == [["s/h3"], [0]]


def test_what_has_no_snapshot_is_read_from_its_list_when_somebody_needs_it(module_page: "ModulePage") -> None:
    script = """
      const before = live.map("draft").size;
      live.on("draft", () => null);
      await live.need("draft");
      return [before, live.listed("draft"), live.get("draft", "s/h1").revision, live.listed("project")];
    """
    assert told(module_page, BEGUN + script) == [0, True, 3, False]


def test_who_is_signed_out_does_not_try_again(module_page: "ModulePage") -> None:
    script = "sockets[0].lose(4401); live.hurry(); return [out, sockets.length];"
    assert told(module_page, BEGUN + script) == [1, 1]


def test_what_has_no_end_is_bounded(module_page: "ModulePage") -> None:
    script = """
      for (let at = 0; at < 60; at++) {
        sockets[0].say({ type: "delta", revision: 6 + at, changes: Array.from({ length: 10 }, (_, one) => ({ kind: "notice", key: `${at}-${one}`, document: {} })) });
      }
      return [live.map("notice").size, live.map("notice").has("0-0"), live.map("notice").has("59-9")];
    """
    assert told(module_page, BEGUN + script) == [500, False, True]
