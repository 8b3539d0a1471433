"""What starts quickly, or must start where a library is missing, imports it only when it is used."""

import json
import os
import subprocess
import sys

import pytest

LOADED = """
import json, sys
sys.argv = {argv!r}
try:
    {statement}
except SystemExit as ended:
    assert not ended.code, ended.code
finally:
    sys.stdout.flush()
    print("\\n" + json.dumps(sorted(sys.modules)))
"""


def loaded_by(statement: str, *argv: str, **environment: str) -> set[str]:
    """The names in sys.modules of a fresh interpreter after the statement, packages of their own only."""
    code = LOADED.format(argv=list(argv), statement=statement)
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


MAIN = "from guestwire.cli.main import main; main()"
SLOW = {
    "aiomqtt", "asyncio", "cryptography", "httpx", "mqtt5", "msgpack", "paho", "pydantic", "pydantic_settings", "rich", "ssl",
    "structlog", "tomlkit", "uvloop", "yaml", "libvirt",
}  # fmt: skip


@pytest.mark.parametrize(
    "argv",
    [
        ("--help",),
        ("--version",),
        *(
            (noun, "--help")
            for noun in (
                "guest",
                "host",
                "project",
                "hardware",
                "boot",
                "comm",
                "area",
                "event",
                "queue",
                "lock",
                "net",
                "fleet",
                "rollout",
                "metrics",
                "alarm",
                "user",
                "login",
            )
        ),
    ],
    ids=" ".join,
)
def test_help_loads_no_slow_library(argv):
    loaded = loaded_by(MAIN, "guestwire", *argv)
    assert "guestwire.cli.main" in loaded
    assert not loaded & SLOW


def test_the_names_of_commands_are_completed_without_a_slow_library():
    loaded = loaded_by(
        MAIN, "guestwire", _GUESTWIRE_COMPLETE="bash_complete", COMP_WORDS="guestwire gue", COMP_CWORD="1"
    )
    assert not loaded & SLOW


def test_the_client_library_loads_no_agent_and_no_command_line():
    loaded = loaded_by("import guestwire.sdk.client")
    assert not loaded & {
        "structlog",
        "pydantic_settings",
        "uvloop",
        "click",
        "rich",
        "libvirt",
        "sqlite3",
        "aiomqtt",
        "httpx",
    }
    assert not {name for name in loaded if name.startswith(("guestwire.agent", "guestwire.cli"))}


def test_the_agent_starts_where_there_is_no_libvirt():
    loaded = loaded_by("import guestwire.agent.main")
    assert "libvirt" not in loaded


def test_the_pytest_plugin_loads_nothing_before_a_fixture_is_used():
    loaded = loaded_by("import guestwire.broker_test.fixtures")
    assert not loaded & {"mqtt5", "aiomqtt", "paho", "pydantic", "cryptography"}


def test_the_agent_runs_without_what_enrolment_needs():
    """Enrolling and renewing are processes of their own: an idle agent has no memory for X.509 and HTTP."""
    loaded = loaded_by("import guestwire.agent.main")
    assert not loaded & {"http.client", "cryptography.x509", "guestwire.agent.enrolling", "guestwire.agent.renewing"}


def test_a_code_is_made_without_the_libraries_of_the_service():
    loaded = loaded_by(
        "import guestwire.site.invitations, guestwire.site.enrolment, guestwire.cli.site, guestwire.cli.host"
    )
    assert not loaded & {"starlette", "uvicorn", "h11"}
