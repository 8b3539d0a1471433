"""What takes the operator's signature: made by the browser's own key, over the exact bytes that the Python makes and checks."""

import base64
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from guestwire.protocol import operation_models as m
from guestwire.protocol.bodies import to_bytes
from guestwire.protocol.envelope import body_hash
from guestwire.protocol.mandates import Mandate
from guestwire.protocol.packing import pack
from guestwire.protocol.signing import Domain, VerifyingKey
from guestwire.protocol.user_keys import proof

if TYPE_CHECKING:
    from conftest import ModulePage
    from demo_stack import Stack
    from playwright.sync_api import Locator, Page

HOST = "demo/h2"
LOOKS_MS = 60_000
"""A controller looks for a newer trust document every 30 s (`sdk.trust_looking`)."""
GUEST = "linux2"


# -- the bytes

VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, 127, 128, 255, 256, 65_535, 65_536, 4_294_967_295, 4_294_967_296, 2**53 - 1, -1, -32, -33, -128, -129,
    -32_769, -2_147_483_649, "", "a", "ä" * 15, "x" * 31, "x" * 32, "x" * 255, "x" * 256, "x" * 70_000, [], [1, [2, [3]]], list(range(16)),
    {}, {"a": 1, "b": {"c": [None]}}, {f"k{n}": n for n in range(20)},
)  # fmt: skip


def test_values_are_packed_as_the_protocol_packs_them(module_page: "ModulePage") -> None:
    function = "(m, value) => { const b = m.pack(value); return [Array.from(b), m.unpack(b)]; }"
    for value, (packed, back) in zip(VALUES, module_page.table("core/msgpack.js", function, list(VALUES)), strict=True):
        assert bytes(packed) == pack(value), value
        assert back == value


BROKEN = (b"", b"\xc1", b"\x81\xa1a", b"\x82\xa1a\x01\xa1a\x02", b"\x81\x01\x02", b"\x01\x02", b"\xd4\x01\x00", b"\xa2\xff\xfe",
          b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", b"\x91" * 40 + b"\x01")  # fmt: skip


def test_broken_bytes_are_refused(module_page: "ModulePage") -> None:
    function = "(m, bytes) => { try { m.unpack(Uint8Array.from(bytes)); return 'read'; } catch (e) { return e.name; } }"
    found = module_page.table("core/msgpack.js", function, [list(one) for one in BROKEN])
    assert "read" not in found


MANDATE = Mandate(
    id=bytes(range(16)), site="demo", holder="controller:main", operations=("guest-destroy",), hosts=("h1", "h2"), risk=2,
    not_before=1_795_294_068_063, not_after=1_795_380_528_063, uses=3, bodies=(bytes(32),), plans=("5f7ad187939714b2c4d5c2979427c133",),
    note="end of shift",
)  # fmt: skip


def text_of(document: dict[str, Any]) -> str:
    return base64.b64encode(pack(document)).decode()


def test_what_is_shown_is_read_from_the_bytes_to_sign(module_page: "ModulePage") -> None:
    found = module_page.run("core/mandate.js", "(m, text) => m.read(text).allows", text_of(MANDATE.model_dump()))
    said = MANDATE.model_dump()
    assert found == {
        **said, "id": said["id"].hex(), "bodies": [one.hex() for one in said["bodies"]], "hosts": list(said["hosts"]),
        "operations": list(said["operations"]), "plans": list(said["plans"]),
    }  # fmt: skip


def test_a_text_that_cannot_be_shown_whole_is_not_signed(module_page: "ModulePage") -> None:
    whole = MANDATE.model_dump()
    several = [
        "not base64!", text_of({}), text_of({**whole, "more": 1}), text_of({k: v for k, v in whole.items() if k != "note"}),
        text_of({**whole, "risk": "2"}), text_of({**whole, "id": b"short"}), text_of({**whole, "note": "x" * 9000}),
        base64.b64encode(pack(whole) + b"\x00").decode(),
    ]  # fmt: skip
    function = "(m, text) => { try { m.read(text); return 'read'; } catch (e) { return e.code; } }"
    assert module_page.table("core/mandate.js", function, several) == ["APPROVAL-FALSE"] * len(several)


def test_a_request_is_known_by_its_fingerprint(module_page: "ModulePage") -> None:
    guest = m.GuestRef(guest=GUEST)
    cases = [
        ("guest-destroy", guest, f"guest {GUEST}"),
        ("guest-reset", guest, f"guest {GUEST}"),
        ("guest-shutdown", m.GuestShutdown(guest=GUEST), f"guest {GUEST}"),
        ("guest-shutdown", m.GuestShutdown(guest=GUEST, within_s=7), ""),
        ("guest-destroy", m.GuestRef(guest="another"), ""),
    ]
    for operation, request, says in cases:
        asked = [operation, body_hash(to_bytes(request)).hex(), ["linux1", GUEST]]
        assert module_page.run("core/mandate.js", "(m, [o, f, g]) => m.meaning(o, f, g)", asked) == says


KEYS = """async (m, [challenge, name, text]) => {
  const sent = [];
  const api = { async send(method, path, options) {
    sent.push([method, path, options.body]);
    return { document: path.endsWith("challenges") ? { challenge } : { id: "x" } };
  } };
  const keys = new m.Keys(api, indexedDB, crypto, "test");
  await keys.enrol({ id: "u1", name }, "laptop");
  const key = await keys.of("u1");
  const signature = await keys.sign("u1", Uint8Array.from(text));
  let out = "";
  try { await crypto.subtle.exportKey("pkcs8", key.private_key); out = "exported"; } catch (error) { out = error.name; }
  const lost = { async send(method, path) {
    if (path === "/keys") throw new Error("the answer is lost");
    return { document: { challenge } };
  } };
  const other = new m.Keys(lost, indexedDB, crypto, "test");
  await other.enrol({ id: "u3", name }, "phone").catch(() => null);
  const made = await other.of("next:u3");
  const found = [await other.of("u3"), await other.among("u3", []), (await other.among("u3", [made.id]))?.id === made.id];
  return { found, sent, id: key.id, signature, out, others: await keys.of("u2"), lacks: await keys.lacks(), pem: m.pem(key.public_key) };
}"""


def test_signatures_are_those_that_the_python_takes(module_page: "ModulePage") -> None:
    challenge, text = bytes(range(32)), pack(MANDATE.model_dump())
    found = module_page.run("core/keys.js", KEYS, [challenge.hex(), "änna", list(text)])
    [asked, enrolled] = found["sent"]
    assert asked[:2] == ["POST", "/keys/challenges"]
    body = enrolled[2]
    key = VerifyingKey(bytes.fromhex(body["public_key"]))
    assert found["id"] == key.id.hex()
    assert key.verifies(Domain.USER_KEY, proof(challenge, "änna"), bytes.fromhex(body["signature"]))
    assert key.verifies(Domain.MANDATE, text, bytes.fromhex(found["signature"]))
    assert (body["label"], body["challenge"]) == ("laptop", challenge.hex())
    assert found["out"] == "InvalidAccessError", "the private key can be read"
    assert (found["others"], found["lacks"]) == (None, "")
    assert found["found"] == [None, None, True], "a key whose enrolment was done, though its answer was lost"
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    assert load_pem_public_key(found["pem"].encode()).public_bytes_raw() == key.raw  # type: ignore[union-attr]


# -- the whole way


@pytest.fixture
def running(stack: "Stack") -> "Iterator[None]":
    """The guest is on, and is off afterwards."""
    job = stack.api("POST", "/jobs", {"operation": "guest-start", "hosts": [HOST], "body": {"guest": GUEST}})
    assert stack.api("GET", f"/jobs/{job['items'][0]['id']}", wait_s=30)["state"] == "succeeded"
    yield
    for open_one in stack.api("GET", "/approvals", state="open")["items"]:
        stack.api("POST", f"/approvals/{open_one['id']}/reject")
    if state(stack) != "stopped":
        made = stack.api("POST", "/jobs", {"operation": "guest-destroy", "hosts": [HOST], "body": {"guest": GUEST}})
        job = made["items"][0]
        stack.cli("--yes", "approval", "sign", job["approval"])
        stack.api("GET", f"/jobs/{job['id']}", wait_s=30)


def state(stack: "Stack") -> str:
    several = stack.api("GET", f"/hosts/{HOST}")["guest_list"]
    return str(next(one for one in several if one["name"] == GUEST)["state"])


def power_off(stack: "Stack", note: str = "") -> Any:
    body = {"operation": "guest-destroy", "hosts": [HOST], "body": {"guest": GUEST}, "note": note}
    return stack.api("POST", "/jobs", body)["items"][0]


def made_known(stack: "Stack", page: "Page", place: "Locator", directory: Path) -> None:
    """What the site's root does, by the lines that the page shows."""
    with page.expect_download() as download:
        place.get_by_role("link", name=re.compile(r"Download [0-9a-f]{16}\.pem")).click()
    file = directory / download.value.suggested_filename
    download.value.save_as(file)
    site = str(stack.directory / "site")
    lines = [one for one in place.locator(".cli code").all_inner_texts() if one.startswith("guestwire site ")]
    assert len(lines) == 2
    for line in lines:
        words = line.replace("SITE_DIRECTORY", site).replace(file.name, str(file)).split()[1:]
        stack.cli(*words, "--context", "demo")


def test_a_guest_is_powered_off_by_a_signature_of_this_browser(
    page: "Page", stack: "Stack", running: None, tmp_path: Path, look: Callable[..., None]
) -> None:
    job = power_off(stack, "end of shift")
    page.goto("/approvals")
    page.get_by_role("row", name=re.compile("guest-destroy")).get_by_text("yours to sign").wait_for()
    look(page)
    page.get_by_role("link", name="guest-destroy").click()
    allowed = page.locator("gw-allowed-texts")
    allowed.get_by_text(f"guest {GUEST}", exact=True).wait_for()
    said = allowed.inner_text()
    for words in (
        "Asked by\nadmin, who says: “end of shift”",
        "Take the power away at once",
        HOST,
        "up to R2, disrupts what runs",
        "once on each host",
    ):
        assert words in said, said

    sign = page.get_by_role("button", name="Sign and allow")
    assert sign.is_disabled()
    page.get_by_label("Name of this browser").fill("test browser")
    page.get_by_role("button", name="Make a key in this browser").click()
    page.get_by_text("demo does not know this browser's key yet").wait_for()
    assert sign.is_disabled()
    look(page)
    made_known(stack, page, page.locator("gw-my-keys"), tmp_path)

    page.get_by_text(re.compile("You sign as operator:admin")).wait_for(timeout=LOOKS_MS)
    sign.click()
    page.get_by_role("cell", name="operator:admin").or_(page.get_by_role("rowheader", name="operator:admin")).wait_for()
    assert stack.api("GET", f"/jobs/{job['id']}", wait_s=30)["state"] == "succeeded"
    page.get_by_text("succeeded").wait_for()
    assert state(stack) == "stopped"
    revoke_all(page, stack)


def revoke_all(page: "Page", stack: "Stack") -> None:
    """Everything that this browser's key was for is over: its own list takes it back."""
    own = next(
        one for one in stack.api("GET", "/keys")["items"] if one["label"] == "test browser" and not one["revoked_at"]
    )
    page.goto("/account")
    page.get_by_role("button", name=f"Revoke {own['id']}").click()
    dialog = page.get_by_role("dialog", name="Revoke a key")
    assert dialog.get_by_role("button", name="Revoke").is_disabled()
    dialog.get_by_label(re.compile("to confirm")).fill(own["id"])
    dialog.get_by_role("button", name="Revoke").click()
    page.get_by_role("row", name=re.compile(own["id"])).get_by_text("revoked").wait_for()
    page.get_by_role("button", name="Make a key in this browser").wait_for()


def test_an_approval_is_rejected_with_a_reason(page: "Page", stack: "Stack", running: None) -> None:
    job = power_off(stack)
    page.goto(f"/approvals/{job['approval']}")
    page.get_by_role("button", name="Reject…").click()
    dialog = page.get_by_role("dialog", name="Reject")
    dialog.get_by_label("Why is it not to be done?").fill("the line runs")
    dialog.get_by_role("button", name="Reject").click()
    page.get_by_text("Decided").wait_for()
    assert "the line runs" in page.locator("gw-approval").inner_text()
    assert stack.api("GET", f"/jobs/{job['id']}", wait_s=30)["state"] == "rejected"
    assert state(stack) != "stopped"


def test_a_browser_that_cannot_sign_says_so(page: "Page", stack: "Stack", running: None) -> None:
    job = power_off(stack)
    page.add_init_script("SubtleCrypto.prototype.generateKey = () => Promise.reject(new Error('no'));")
    page.goto(f"/approvals/{job['approval']}")
    page.get_by_text("This browser knows no Ed25519 signatures.").wait_for()
    page.get_by_text(f"guestwire approval sign {job['approval']}").first.wait_for()
    assert page.get_by_role("button", name="Sign and allow").is_disabled()
