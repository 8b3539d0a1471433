"""Forms from the schema: what a node means as a field, what may be typed, and the fields themselves in a page."""

from typing import Any

from guestwire.model.desired import Desired

SCHEMA = Desired.model_json_schema()


def _fields(module_page: Any, name: str) -> dict[str, Any]:
    made = module_page.run(
        "core/schema.js", "(m, [root, name]) => m.fieldsOf(m.definition(root, name))", [SCHEMA, name]
    )
    return {field["name"]: field for field in made}


def test_a_node_means_a_field(module_page: Any) -> None:
    guest = _fields(module_page, "Guest")
    kinds = {name: field["kind"] for name, field in guest.items()}
    assert kinds == {
        "name": "text", "id": "text", "uuid": "text", "kind": "choice", "os_type": "text", "title": "text",
        "description": "long", "comments": "long", "tags": "chips", "image": "text", "arch": "text", "vcpus": "number",
        "topology": "numbers", "memory_mib": "number", "heap_mib": "number", "hugepages_mib": "choice",
        "lock_memory": "choice", "cpuset": "text", "numatune": "text", "hide_kvm": "switch", "firmware": "choice",
        "disks": "table", "boot": "record", "nics": "table", "devices": "chips", "port_forwards": "table", "shares": "table",
        "comm_enabled": "switch", "rtos_id": "number", "gpos_id": "number", "services": "checks", "ready_when": "record",
        "autostart": "choice", "order": "number", "disabled": "switch", "persistence": "choice", "overrides": "table",
    }  # fmt: skip
    memory = guest["memory_mib"]
    assert (memory["title"], memory["unit"], memory["minimum"], memory["fallback"]) == ("Memory", "MiB", 16, 512)
    assert memory["hint"] == "What the guest boots with"
    assert [one["value"] for one in guest["lock_memory"]["choices"]] == ["auto", True, False]
    assert guest["topology"]["words"] == ["auto"]
    assert guest["cpuset"]["nullable"]
    assert guest["name"]["required"]


def test_every_field_of_every_model_has_a_kind_and_a_label(module_page: Any) -> None:
    for name in SCHEMA["$defs"]:
        for field in _fields(module_page, name).values():
            assert field["title"], (name, field)
            assert "None" not in field["hint"], (name, field)
            assert "`" not in field["hint"], (name, field)
    settings = _fields(module_page, "HostSettings")["removable_media"]
    assert [one["value"] for one in settings["choices"]] == [None, True, False]


TYPED = (
    ("Guest", "memory_mib", "256", 256, ""),
    ("Guest", "memory_mib", "2G", 2048, ""),
    ("Guest", "memory_mib", "8", 8, "Allowed: a whole number from 16 to 16777216."),
    ("Guest", "memory_mib", "1.5", 1.5, "Allowed: a whole number from 16 to 16777216."),
    ("Guest", "memory_mib", "much", "much", "Allowed: a whole number from 16 to 16777216."),
    ("Guest", "memory_mib", "", None, ""),
    ("Guest", "topology", "auto", "auto", ""),
    ("Guest", "topology", "2,2,1", [2, 2, 1], ""),
    ("Guest", "topology", "2x2x1", [2, 2, 1], ""),
    ("Guest", "topology", "2,2", [2, 2], "Allowed: auto, or 3 whole numbers with commas, such as 1,1,1."),
    ("Guest", "cpuset", "", None, ""),
    ("Guest", "cpuset", "n1", "n1", ""),
    ("Guest", "arch", "X86", "X86", "Allowed: 1 to 16 lower-case letters, digits and _."),
    ("Guest", "name", "", "", "This is needed."),
    ("MemoryArea", "size", "64K", 65536, ""),
    ("Nic", "mac", "52:54:00:12:34:56", "52:54:00:12:34:56", ""),
    ("Nic", "mac", "52-54", "52-54",
     "Allowed: six pairs of hexadecimal digits in lower case, such as 52:54:00:12:34:56."),
    ("Disk", "path", "images/a.qcow2", "images/a.qcow2", "Allowed: a path on the host, which begins with /."),
)  # fmt: skip
"""A field, what somebody types, the value that it is, and what is wrong with that."""


def test_what_is_typed_is_read_and_judged(module_page: Any) -> None:
    found = module_page.run(
        "core/schema.js",
        """async (m, [root, cases]) => {
          const base = JSON.parse(document.querySelector("script[type=importmap]").textContent).imports.lit;
          const values = await import(base.replace("vendor/lit/index.js", "core/schema_values.js"));
          return cases.map(([model, name, typed]) => {
            const field = m.fieldsOf(m.definition(root, model)).find((one) => one.name === name);
            const value = values.valueOf(field, typed);
            return [value, values.wrongOf(field, value)];
          });
        }""",
        [SCHEMA, [list(case[:3]) for case in TYPED]],
    )
    assert found == [list(case[3:]) for case in TYPED]


def test_access_modes(module_page: Any) -> None:
    cases = [["RWC-", "read", False], ["----", "write", True], ["R---", "cached", True], ["RWC-", "write", False]]
    assert module_page.table("core/access.js", "(m, [mode, key, on]) => m.withPosition(mode, key, on)", cases) == [
        "--C-", "RW--", "R-C-", "R-C-",
    ]  # fmt: skip
    sizes = [1, 65536, (1 << 20) - 4096, 1 << 20, 6 << 20]
    assert module_page.table("core/access.js", "(m, size) => m.backingOf(size)", sizes) == [
        1 << 20, 1 << 20, 1 << 20, 2 << 20, 8 << 20,
    ]  # fmt: skip


def test_hex_dump(module_page: Any) -> None:
    lines = module_page.run("core/hex_dump.js", "(m, hex) => m.dumpLines(hex, 16)", "48692100" + "ff" * 14)
    assert lines == [
        {"at": "00000010", "hex": "48 69 21 00 ff ff ff ff  ff ff ff ff ff ff ff ff", "text": "Hi!............."},
        {"at": "00000020", "hex": "ff ff", "text": ".."},
    ]


FORM = """async ([schema, value, only]) => {
  const base = JSON.parse(document.querySelector("script[type=importmap]").textContent).imports.lit.replace("vendor/lit/index.js", "");
  const { definition } = await import(base + "core/schema.js");
  await import(base + "parts/form.js");
  const form = document.createElement("gw-form");
  Object.assign(form, { schema: definition(schema, "Guest"), value, only });
  window.told = [];
  form.addEventListener("edit", (event) => {
    window.told.push(event.detail);
    const { op, path, value } = event.detail;
    form.value = { ...form.value, [path]: op === "default" ? form.fields.find((one) => one.name === path).fallback : value };
  });
  document.body.append(form);
  await form.updateComplete;
}"""


def test_a_form_tells_only_what_can_be(module_page: Any) -> None:
    page = module_page.page
    guest = {"name": "a", "memory_mib": 256, "port_forwards": [], "boot": None, "tags": [], "lock_memory": "auto"}
    page.evaluate(FORM, [SCHEMA, guest, ["memory_mib", "lock_memory", "tags", "boot", "port_forwards"]])
    memory = page.get_by_label("Memory MiB")
    memory.fill("8")
    memory.press("Tab")
    page.get_by_role("alert").get_by_text("Allowed: a whole number from 16").wait_for()
    assert memory.get_attribute("aria-invalid") == "true"
    assert memory.input_value() == "8"
    assert page.evaluate("told") == []

    memory.fill("1G")
    memory.press("Tab")
    assert page.evaluate("told.pop()") == {"op": "set", "path": "memory_mib", "value": 1024}
    page.get_by_role("button", name="Default: 512 MiB, Memory").click()
    assert page.evaluate("told.pop()") == {"op": "default", "path": "memory_mib"}

    page.get_by_label("Locked memory", exact=True).select_option(label="yes")
    assert page.evaluate("told.pop()") == {"op": "set", "path": "lock_memory", "value": True}
    tag = page.get_by_label("Add to tags")
    tag.fill("edge")
    tag.press("Enter")
    assert page.evaluate("told.pop()") == {"op": "set", "path": "tags", "value": ["edge"]}
    tag.fill("No Tag")
    tag.press("Enter")
    page.get_by_text("Allowed: 1 to 32 lower-case letters, digits, _ and -.").wait_for()
    page.get_by_role("button", name="Undo what was typed").click()
    page.get_by_role("button", name="Remove edge").click()
    assert page.evaluate("told.pop()") == {"op": "set", "path": "tags", "value": []}

    # a row that is not complete is not told
    page.get_by_role("button", name="Add port forward").click()
    page.get_by_label("Port forward 1, Host port").fill("8080")
    page.get_by_label("Port forward 1, Guest port").fill("80")
    assert page.evaluate("told") == []
    page.get_by_label("Port forward 1, Guest port").press("Tab")
    rows = [{"protocol": "tcp", "host_port": 8080, "guest_port": 80}]
    assert page.evaluate("told.pop()") == {"op": "set", "path": "port_forwards", "value": rows}
    page.get_by_role("button", name="Set direct boot").click()
    kernel = page.get_by_label("Kernel", exact=True)
    kernel.fill("boot/vmlinuz")
    kernel.press("Tab")
    assert page.evaluate("told") == []
    kernel.fill("/boot/vmlinuz")
    kernel.press("Tab")
    boot = {"kernel": "/boot/vmlinuz", "initrd": None, "cmdline": ""}
    assert page.evaluate("told.pop()") == {"op": "set", "path": "boot", "value": boot}


def test_what_is_being_typed_stays(module_page: Any) -> None:
    page = module_page.page
    page.evaluate(FORM, [SCHEMA, {"name": "a", "memory_mib": 256}, ["memory_mib"]])
    memory = page.get_by_label("Memory MiB")
    memory.fill("51")
    page.evaluate(
        "async () => { const form = document.querySelector('gw-form'); form.requestUpdate(); await form.updateComplete; }"
    )
    assert memory.input_value() == "51"


def test_what_is_half_typed_is_not_for_another_object(module_page: Any) -> None:
    page = module_page.page
    page.evaluate(
        FORM, [SCHEMA, {"name": "a", "memory_mib": 256, "port_forwards": []}, ["memory_mib", "port_forwards"]]
    )
    page.evaluate("document.querySelector('gw-form').place = 'guests.a'")
    memory = page.get_by_label("Memory MiB")
    memory.fill("8")
    memory.press("Tab")
    page.get_by_role("button", name="Add port forward").click()
    page.get_by_label("Port forward 1, Host port").wait_for()
    page.evaluate(
        """async () => {
          const form = document.querySelector("gw-form");
          Object.assign(form, { place: "guests.b", value: { name: "b", memory_mib: 512, port_forwards: [] } });
          await form.updateComplete;
        }"""
    )
    assert memory.input_value() == "512"
    assert page.get_by_label("Port forward 1, Host port").count() == 0
    assert page.evaluate("[told, document.querySelector('gw-form').valid]") == [[], True]
