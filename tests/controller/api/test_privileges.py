"""Who may do what over HTTP: every operation of users, tokens, keys and audit, for every role on every kind of scope."""

from typing import Any, NamedTuple

from api_world import PASSWORD, Caller, api_world

from guestwire.controller.api.limits import Limits
from guestwire.controller.store.database import Database
from guestwire.controller.users.person import ROLES, Binding, Person

SCOPES = ("*", "site:plant", "host:plant/h1")
WHO = tuple((role, scope) for role in ROLES for scope in SCOPES if (role, scope) != ("admin", "*"))
NONE = "0" * 32


class Deed(NamedTuple):
    """Something that is asked, and who besides the admin of everything may. "own": everybody."""

    method: str
    path: str
    body: Any = None
    may: frozenset[tuple[str, str]] | str = frozenset()


def on(scope: str, least: str) -> frozenset[tuple[str, str]]:
    """Everybody of that role or a greater one, who has it on something that covers the scope."""
    wider = {"host:plant/h1": SCOPES, "site:plant": SCOPES[:2], "*": SCOPES[:1]}[scope]
    return frozenset((role, wide) for role in ROLES[ROLES.index(least) :] for wide in wider)  # type: ignore[arg-type]


DEEDS = (
    Deed("GET", "/users/me", may="own"),
    Deed("GET", "/users/{me}", may="own"),
    Deed("GET", "/users/{me}/bindings", may="own"),
    Deed("GET", "/users/{me}/tokens", may="own"),
    Deed("GET", "/users/{me}/keys", may="own"),
    Deed("GET", "/tokens", may="own"),
    Deed("GET", "/keys", may="own"),
    Deed("GET", "/sessions", may="own"),
    Deed("POST", "/keys/challenges", may="own"),
    Deed("GET", "/users"),
    Deed("GET", "/users/boss"),
    Deed("GET", "/users/boss/bindings"),
    Deed("GET", "/users/boss/tokens"),
    Deed("GET", "/users/boss/keys"),
    Deed("POST", "/users", {"name": "mallory", "password": PASSWORD}),
    Deed("POST", "/users", {"name": "mallory2", "password": PASSWORD, "bindings": [{"role": "admin", "scope": "*"}]}),
    Deed("PATCH", "/users/boss", {"disabled": True}),
    Deed("PATCH", "/users/boss", {"password": "another long passphrase"}),
    Deed("PATCH", "/users/{me}", {"label": "me"}),
    Deed("DELETE", "/users/boss"),
    Deed("DELETE", f"/users/boss/tokens/{NONE}"),
    Deed("DELETE", "/users/boss/keys/" + "0" * 16),
    Deed("POST", "/users/{me}/bindings", {"role": "admin", "scope": "*"}),
    Deed("POST", "/users/{me}/bindings", {"role": "engineer", "scope": "group:any"}),
    Deed("POST", "/users/{me}/bindings", {"role": "admin", "scope": "site:lab"}),
    Deed("POST", "/users/{me}/bindings", {"role": "observer", "scope": "site:plant"}, on("site:plant", "admin")),
    Deed("POST", "/users/{me}/bindings", {"role": "observer", "scope": "host:plant/h1"}, on("host:plant/h1", "admin")),
    Deed("DELETE", "/users/boss/bindings?role=admin&scope=*"),
    Deed("POST", "/tokens", {"name": "wide", "bindings": [{"role": "admin", "scope": "*"}]}),
    Deed(
        "POST", "/tokens", {"name": "lab", "bindings": [{"role": "observer", "scope": "site:lab"}]}, on("*", "observer")
    ),
    Deed(
        "POST",
        "/tokens",
        {"name": "one", "bindings": [{"role": "engineer", "scope": "host:plant/h1"}]},
        on("host:plant/h1", "engineer"),
    ),
    Deed("GET", "/audit"),
    Deed("GET", "/audit/export"),
    Deed("GET", "/audit/check"),
    Deed("GET", "/hosts/plant/h1/audit", may=on("host:plant/h1", "observer")),
    Deed("GET", "/hosts/plant/h2/audit", may=on("site:plant", "observer")),
    Deed("GET", "/hosts/lab/h1/audit/logs", may=on("*", "observer")),
)


async def allowed(caller: Caller, name: str, deed: Deed) -> bool:
    path = deed.path.replace("{me}", name)
    more = {} if deed.body is None else {"json": deed.body}
    answer = await caller.ask(deed.method, path, headers={"If-Match": '"1"'}, **more)
    assert answer.status_code < 500
    assert answer.status_code not in (401, 405, 415, 422, 428, 429), (deed, answer.text)
    return answer.status_code != 403


async def test_every_deed_of_everybody(any_database: Database) -> None:
    limits = Limits(person_rate=1e6, person_burst=1e6, address_rate=1e6, address_burst=1e6)
    async with api_world(any_database, limits=limits) as world:
        boss = await world.user("boss", ("admin", "*"))
        for n, who in enumerate(WHO):
            world.clock.move(60)
            name = f"user{n}"
            caller = await world.user(name, who)
            narrow = await caller.post(
                "/tokens", {"name": "narrow", "bindings": [{"role": "observer", "scope": "host:plant/h1"}]}
            )
            token = world.caller({"Authorization": f"Bearer {narrow.json()['token']}"})
            for deed in DEEDS:
                may = deed.may == "own" or who in deed.may
                assert await allowed(caller, name, deed) is may, (who, deed)
                if deed.method == "GET":
                    narrowed = deed.may == "own" or ("observer", "host:plant/h1") in deed.may
                    assert await allowed(token, name, deed) is narrowed, ("token", who, deed)
                elif deed.path not in ("/tokens",) or deed.body["name"] != "one":
                    assert not await allowed(token, name, deed), ("token", who, deed)
            account = await world.accounts.get(Person("", name), name)
            assert Binding("admin", "*") not in account.bindings
        assert (await boss.get("/users/me")).json()["bindings"] == [{"role": "admin", "scope": "*"}]
