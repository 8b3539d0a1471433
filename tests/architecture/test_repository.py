"""The repository's own rules: where files are, what no file says, how long a module is, what tests may not do."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP_LEVEL = {
    ".ci", ".gitignore", "CHANGELOG.md", "LICENSE", "Makefile", "README.md", "agent", "broker-test", "clients", "deploy",
    "protocol", "pyproject.toml", "tests",
}  # fmt: skip

TEXTS = (".py", ".md", ".toml", ".txt", ".in", ".sh", ".yml", ".yaml", ".json", ".conf", ".service", ".svg", ".acl", "")

# The package indexes of the machine that a file was made on are nobody else's; nor are its folders.
FORBIDDEN = [
    "pypi" + ".org", "python" + "hosted.org", "npmjs" + ".org", "proxy." + "golang", "crates" + ".io", "deb.debian" + ".org",
    "--index" + "-url", "--extra-index" + "-url", "--find" + "-links", "/opt/" + "pypi", "/opt/" + "wheels",
    "/work" + "/main", "/work" + "/shared",
]  # fmt: skip

UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|NotImplemented" + r"Error)\b")

MODULE_LINES = 400
# a single state machine or a single table, which would be harder to read in two files
LONGER_MODULES = {
    "protocol/guestwire/link/mqtt5.py": "one MQTT connection",
}
LONGEST = 440
FUNCTION_LINES = 60

# Modules that no test names, by where what they do is tested. A module that a test imports, or that has a test module of
# its name, needs no line here.
TESTED_THROUGH = {
    "clients/guestwire/controller/composing/*.py": "tests/e2e/test_controller.py",
    "clients/guestwire/controller/links/asking.py": "tests/controller/fleet/test_hosts.py",
    "clients/guestwire/controller/store/alarm_rules.py": "tests/controller/alarms/test_alarms.py",
    "clients/guestwire/controller/store/seen.py": "tests/controller/notices/test_taking.py",
    "clients/guestwire/controller/webhooks/signature.py": "tests/controller/webhooks/test_delivering.py",
    "protocol/guestwire/settings/section.py": "tests/agent/test_config.py",
    "agent/guestwire/agent/entries.py": "tests/agent/test_commands.py",
    "clients/guestwire/cli/mandate.py": "tests/e2e/test_mandates.py",
    "protocol/guestwire/protocol/operation_hashes.py": "tests/protocol/test_documents.py",
    "protocol/guestwire/protocol/refused.py": "tests/protocol/test_executor.py",
    "agent/guestwire/comm/adopting.py": "tests/comm/test_restart.py",
    "agent/guestwire/comm/attach_server.py": "tests/comm/test_hostile.py",
    "agent/guestwire/comm/attendance.py": "tests/comm/test_restart.py",
    "agent/guestwire/comm/content_calls.py": "tests/comm/test_main.py",
    "agent/guestwire/comm/counting.py": "tests/comm/test_main.py",
    "agent/guestwire/comm/directories.py": "tests/comm/test_restart.py",
    "agent/guestwire/comm/event_calls.py": "tests/comm/test_main.py",
    "agent/guestwire/comm/event_reads.py": "tests/comm/test_main.py",
    "agent/guestwire/comm/event_views.py": "tests/comm/test_events.py",
    "agent/guestwire/comm/holdings.py": "tests/comm/test_main.py",
    "agent/guestwire/comm/host_networks.py": "tests/comm/test_apply.py",
    "agent/guestwire/comm/identities.py": "tests/comm/test_hostile.py",
    "agent/guestwire/comm/late_networks.py": "tests/comm/test_apply.py",
    "agent/guestwire/comm/networks/*.py": "tests/comm/networks/test_networks.py",
    "agent/guestwire/comm/natives.py": "tests/comm/test_main.py",
    "agent/guestwire/comm/preparing.py": "tests/comm/test_apply.py",
    "agent/guestwire/comm/remembering.py": "tests/comm/test_restart.py",
    "agent/guestwire/comm/sharing.py": "tests/comm/test_apply.py",
    "agent/guestwire/comm/state_file.py": "tests/comm/test_restart.py",
    "agent/guestwire/comm/troubles.py": "tests/comm/test_apply.py",
    "clients/guestwire/guest/native_parts.py": "tests/guest_library/test_python_events.py",
    "agent/guestwire/agent/drivers/duplicates.py": "tests/contract/test_guests_contract.py",
    "agent/guestwire/agent/drivers/libvirt/*.py": "tests/contract/test_guests_contract.py",
    "agent/guestwire/agent/drivers/linux/image_files.py": "tests/agent/drivers/linux/test_images.py",
    "agent/guestwire/agent/drivers/linux/host_condition.py": "tests/agent/drivers/linux/test_host_metrics.py",
    "agent/guestwire/agent/drivers/linux/host_load.py": "tests/agent/drivers/linux/test_host_metrics.py",
    "agent/guestwire/agent/drivers/linux/interrupt_counts.py": "tests/agent/drivers/linux/test_host_metrics.py",
    "agent/guestwire/agent/drivers/linux/processor_times.py": "tests/agent/drivers/linux/test_host_metrics.py",
    "agent/guestwire/agent/drivers/linux/settings/*.py": "tests/agent/drivers/linux/test_settings.py",
    "agent/guestwire/agent/drivers/simulated/*.py": "tests/contract/test_guests_contract.py",
    "agent/guestwire/agent/fleet.py": "tests/agent/test_main.py",
    "agent/guestwire/agent/audit_log.py": "tests/agent/test_audit_store.py",
    "agent/guestwire/agent/audit_rows.py": "tests/agent/test_audit_store.py",
    "agent/guestwire/agent/audit_schema.py": "tests/agent/test_audit_store.py",
    "clients/guestwire/sdk/audit_logs.py": "tests/cli/test_audit.py",
    "agent/guestwire/agent/journal_file.py": "tests/agent/test_journal.py",
    "agent/guestwire/agent/journal_store.py": "tests/agent/test_journal.py",
    "agent/guestwire/agent/listeners.py": "tests/agent/test_host_agent.py",
    "agent/guestwire/agent/telemetry/log_folder.py": "tests/agent/telemetry/test_spool.py",
    "agent/guestwire/agent/reporting.py": "tests/agent/test_host_agent.py",
    "agent/guestwire/agent/services/hosts.py": "tests/agent/test_host_agent.py",
    "agent/guestwire/agent/services/configuration/applying.py": "tests/agent/services/configuration/test_service.py",
    "agent/guestwire/agent/services/configuration/engine.py": "tests/agent/services/configuration/test_failures.py",
    "agent/guestwire/agent/services/configuration/step_kinds.py": "tests/agent/services/configuration/test_failures.py",
    "agent/guestwire/agent/services/configuration/steps.py": "tests/agent/services/configuration/test_failures.py",
    "agent/guestwire/agent/services/readiness.py": "tests/agent/services/test_guests.py",
    "broker-test/guestwire/broker_test/connection.py": "tests/broker_test/test_broker_contract.py",
    "broker-test/guestwire/broker_test/gate.py": "tests/broker_test/test_access_contract.py",
    "broker-test/guestwire/broker_test/hall.py": "tests/broker_test/test_broker_contract.py",
    "broker-test/guestwire/broker_test/running.py": "tests/broker_test/test_broker_contract.py",
    "clients/guestwire/cli/*_views.py": "tests/cli/test_guest.py",
    "clients/guestwire/cli/area_*.py": "tests/cli/test_area.py",
    "clients/guestwire/cli/key.py": "tests/cli/test_site_trust.py",
    "clients/guestwire/cli/site_ca.py": "tests/cli/test_site_trust.py",
    "clients/guestwire/cli/site_options.py": "tests/cli/test_site_trust.py",
    "clients/guestwire/cli/site_root.py": "tests/cli/test_site_trust.py",
    "clients/guestwire/cli/site_rules.py": "tests/cli/test_site_trust.py",
    "clients/guestwire/cli/site_signer.py": "tests/cli/test_site_trust.py",
    "clients/guestwire/cli/site_trust.py": "tests/cli/test_site_trust.py",
    "clients/guestwire/cli/trust.py": "tests/cli/test_site_trust.py",
    "clients/guestwire/cli/trust_giving.py": "tests/cli/test_site_trust.py",
    "agent/guestwire/agent/trust_keeper.py": "tests/integration/test_rotation.py",
    "clients/guestwire/cli/change_options.py": "tests/cli/test_area.py",
    "clients/guestwire/cli/named.py": "tests/cli/test_area.py",
    "clients/guestwire/cli/one_change.py": "tests/cli/test_area.py",
    "clients/guestwire/cli/watch_lines.py": "tests/cli/test_area.py",
    "clients/guestwire/cli/net_members.py": "tests/cli/test_net.py",
    "clients/guestwire/cli/applying.py": "tests/cli/test_project_changes.py",
    "clients/guestwire/cli/broker.py": "tests/cli/test_main.py",
    "clients/guestwire/cli/checks_*.py": "tests/cli/test_demo.py",
    "clients/guestwire/cli/child_processes.py": "tests/cli/test_demo.py",
    "clients/guestwire/cli/completion.py": "tests/cli/test_main.py",
    "clients/guestwire/cli/demo_*.py": "tests/cli/test_demo.py",
    "clients/guestwire/cli/desktop_*.py": "tests/cli/test_desktop.py",
    "clients/guestwire/cli/doctor.py": "tests/cli/test_demo.py",
    "clients/guestwire/cli/drafts.py": "tests/cli/test_project_drafts.py",
    "clients/guestwire/cli/editor.py": "tests/cli/test_project_drafts.py",
    "clients/guestwire/cli/findings.py": "tests/cli/test_demo.py",
    "clients/guestwire/cli/libvirt_probe.py": "tests/cli/test_demo.py",
    "clients/guestwire/cli/libvirt_daemons.py": "tests/e2e/test_demo.py",
    "agent/guestwire/agent/config_records_store.py": "tests/agent/test_config_records.py",
    "agent/guestwire/agent/soundness.py": "tests/agent/test_main.py",
    "agent/guestwire/agent/services/journalled_values.py": "tests/agent/services/test_rt_tuning.py",
    "agent/guestwire/agent/trust_pin.py": "tests/agent/test_host_agent.py",
    "clients/guestwire/cli/log.py": "tests/cli/test_host.py",
    "clients/guestwire/cli/notice_lines.py": "tests/cli/test_notices.py",
    "clients/guestwire/cli/offline.py": "tests/cli/test_project_checks.py",
    "clients/guestwire/cli/outcomes.py": "tests/cli/test_guest.py",
    "clients/guestwire/cli/pings.py": "tests/cli/test_host.py",
    "clients/guestwire/cli/project.py": "tests/cli/test_main.py",
    "clients/guestwire/cli/project_options.py": "tests/cli/test_main.py",
    "clients/guestwire/cli/pulling.py": "tests/cli/test_project_changes.py",
    "clients/guestwire/cli/run.py": "tests/cli/test_guest.py",
    "clients/guestwire/cli/targets.py": "tests/cli/test_guest.py",
    "clients/guestwire/cli/text_files.py": "tests/cli/test_project_interchange.py",
    "protocol/guestwire/formats/domain_xml/*.py": "tests/formats/domain_xml/test_reader.py",
    "protocol/guestwire/link/aiomqtt_client.py": "tests/link/test_transport_contract.py",
    "protocol/guestwire/link/outcomes.py": "tests/link/test_transport_contract.py",
    "protocol/guestwire/link/packet_checks.py": "tests/link/test_codec.py",
    "protocol/guestwire/link/packet_mapping.py": "tests/link/test_transport_contract.py",
    "protocol/guestwire/link/tcp.py": "tests/link/test_transport_contract.py",
    "protocol/guestwire/link/tls_refusals.py": "tests/link/test_tcp_server.py",
    "protocol/guestwire/link/tls_wire.py": "tests/link/test_tcp_client.py",
    "protocol/guestwire/link/wires.py": "tests/link/test_framed_server.py",
    "protocol/guestwire/link/write_queue.py": "tests/link/test_transport_contract.py",
    "clients/guestwire/controller/fleet/errands.py": "tests/controller/fleet/test_hosts.py",
    "clients/guestwire/controller/store/host_inventory.py": "tests/controller/fleet/test_inventory_keeping.py",
    "clients/guestwire/controller/fleet/hearing.py": "tests/controller/fleet/test_registry.py",
    "clients/guestwire/controller/links/dialling.py": "tests/controller/links/test_links.py",
    "clients/guestwire/controller/links/host_links.py": "tests/controller/links/test_links.py",
    "clients/guestwire/controller/links/identity.py": "tests/controller/links/test_links.py",
    "clients/guestwire/controller/links/own_presence.py": "tests/controller/links/test_links.py",
    "clients/guestwire/controller/links/trust_keeping.py": "tests/controller/links/test_links.py",
    "clients/guestwire/controller/users/uses.py": "tests/controller/users/test_signing_in.py",
    "clients/guestwire/controller/store/groups.py": "tests/controller/fleet/test_hosts.py",
    "protocol/guestwire/model/error_codes/*.py": "tests/protocol/test_error_body.py",
    "clients/guestwire/controller/store/engines.py": "tests/controller/test_database.py",
    "clients/guestwire/controller/store/metadata.py": "tests/controller/store/test_migrating.py",
    "clients/guestwire/controller/store/migrations/env.py": "tests/controller/store/test_migrating.py",
    "clients/guestwire/controller/store/migrations/versions/*.py": "tests/controller/store/test_migrating.py",
    "clients/guestwire/controller/telemetry/batch_rows.py": "tests/controller/telemetry/test_ingest.py",
    "clients/guestwire/controller/telemetry/committing.py": "tests/controller/telemetry/test_ingest.py",
    "clients/guestwire/controller/telemetry/gathering.py": "tests/controller/telemetry/test_ingest.py",
    "protocol/guestwire/protocol/bodies.py": "tests/protocol/test_executor.py",
    "clients/guestwire/controller/store/bootstrap.py": "tests/controller/users/test_first_admin.py",
    "clients/guestwire/cli/alarm.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/alarm_rules.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/alarm_views.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/approval.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/approving.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/checks_controller.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/controller_audit.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/controller_job.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/controller_job_views.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/controller_notices.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/fleet.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/fleet_groups.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/fleet_views.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/key_enrol.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/login.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/metrics.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/project_saved.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/role.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/rollout.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/rollout_views.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/token.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/user.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/watching.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/webhook.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/connection.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/controller_changes.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/exporting.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/notice_keeping.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/project_history.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/cli/session.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/sdk/controller_following.py": "tests/sdk/test_controller_way.py",
    "clients/guestwire/sdk/controller_plans.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/sdk/controller_telemetry.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/sdk/controller_jobs.py": "tests/sdk/test_controller_way.py",
    "clients/guestwire/sdk/controller_login.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/sdk/controller_models.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/sdk/controller_people.py": "tests/e2e/test_controller_cli.py",
    "clients/guestwire/sdk/controller_things.py": "tests/e2e/test_controller_cli.py",
}


def test_the_top_level_is_fixed(repository):
    assert {path.parts[0] for path in repository.files()} == TOP_LEVEL


def test_no_file_names_this_workplace_or_a_package_index(repository):
    found = [
        f"{path}: {word}"
        for path in repository.files(*TEXTS)
        for word in FORBIDDEN
        if word in repository.text(path)
    ]  # fmt: skip
    assert not found


def test_nothing_is_left_unfinished(repository):
    found = [
        f"{path}:{number}"
        for path in repository.files(*TEXTS)
        for number, line in enumerate(repository.text(path).splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert not found


def test_modules_are_short(repository):
    lengths = {str(path): len(repository.text(path).splitlines()) for path in repository.modules()}
    long = {path for path, lines in lengths.items() if lines > MODULE_LINES}
    assert not long - set(LONGER_MODULES), "too long, and not on the list"
    assert not set(LONGER_MODULES) - set(lengths), "on the list, and not there"
    assert not {path for path in LONGER_MODULES if lengths[path] > LONGEST}


def _names_in_tests(repository) -> set[str]:
    """What the tests import, and the names of the test modules."""
    found: set[str] = set()
    for path in repository.tests():
        found.add(path.stem)
        for node in ast.walk(ast.parse(repository.text(path))):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.update((node.module, *(f"{node.module}.{alias.name}" for alias in node.names)))
    return found


def test_every_module_is_tested(repository):
    named = _names_in_tests(repository)
    untested = [
        str(path)
        for path in repository.modules()
        if path.name not in ("__init__.py", "__main__.py")
        if f"test_{path.stem}" not in named
        if ".".join(path.with_suffix("").parts[1:]) not in named
        if not any(path.match(pattern) for pattern in TESTED_THROUGH)
    ]
    assert not untested, "no test imports these, and TESTED_THROUGH does not have them"
    gone = [test for test in TESTED_THROUGH.values() if not (repository.base / test).is_file()]
    assert not gone


def test_functions_are_short(repository):
    long = [
        f"{path}:{node.lineno} {node.name}, {node.end_lineno - node.lineno + 1} lines"
        for path in repository.modules()
        for node in ast.walk(ast.parse(repository.text(path)))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if node.end_lineno - node.lineno + 1 > FUNCTION_LINES
    ]
    assert not long


def test_no_module_is_a_drawer(repository):
    drawers = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "base_classes"}
    assert not [path for path in repository.modules() if path.stem in drawers or drawers & set(path.parts)]


def test_every_module_says_what_it_is(repository):
    silent = [path for path in repository.modules() if not repository.text(path).startswith('"""')]
    assert not silent


def test_packages_export_nothing(repository):
    """`from guestwire.link.session import Session` says where a name lives; an `__init__` that re-exports hides it."""
    inits = [path for path in repository.modules() if path.name == "__init__.py"]
    full = [path for path in inits if len(ast.parse(repository.text(path)).body) > 1]
    assert not full


def _sleeps(tree: ast.AST, *, polling: bool = False) -> Iterator[ast.Call]:
    """Calls of sleep outside a loop; `sleep(0)`, which only gives way, is none."""
    for node in ast.iter_child_nodes(tree):
        within = polling or isinstance(node, ast.While)
        if isinstance(node, ast.Call) and not polling:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            gives_way = bool(node.args) and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0
            if name == "sleep" and not gives_way:
                yield node
        yield from _sleeps(node, polling=within)


def test_no_test_waits_for_a_length_of_time(repository):
    """A test waits for what it needs, with a deadline; a loop that asks another process again may pause in between."""
    found = [
        f"{path}:{call.lineno}"
        for path in repository.tests()
        if "bench" not in path.parts and "sleep" in repository.text(path)
        for call in _sleeps(ast.parse(repository.text(path)))
    ]
    assert not found


def test_no_test_patches_our_code(repository):
    """What a test wants to replace, the code takes as an argument. Patching the environment or a limit of Python is fine."""
    patching = re.compile(
        r"""unittest\.mock|from unittest import mock|mocker\b|monkeypatch\.setattr\(\s*["']guestwire"""
    )
    here = Path(__file__).name
    found = [path for path in repository.tests() if path.name != here and patching.search(repository.text(path))]
    assert not found


@pytest.mark.parametrize(
    ("code", "waits"),
    [
        ("import time\ntime.sleep(1)", True),
        ("async def f():\n    await asyncio.sleep(0.1)", True),
        ("async def f():\n    await asyncio.sleep(0)", False),
        ("while not ready():\n    time.sleep(0.05)", False),
        ("for _ in range(3):\n    sleep(seconds)", True),
    ],
)
def test_a_sleep_is_seen(code, waits):
    assert bool(list(_sleeps(ast.parse(code)))) is waits
