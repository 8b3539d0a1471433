"""The pages are compared with the program: commands, settings, codes, files and links that they name."""

import importlib.util
import os
import re
from pathlib import Path
from types import ModuleType

import click
import pytest

from guestwire.agent.config import load
from guestwire.cli.main import cli
from guestwire.controller.alarms.shipped_rules import SHIPPED
from guestwire.controller.config import load as load_controller
from guestwire.controller.users.actions import ACTIONS
from guestwire.model.errors import BY_CODE
from guestwire.model.plan import PLAN_ISSUES
from guestwire.model.rules.table import BY_CODE as RULES
from guestwire.protocol.operations import BY_NAME

PAGES = ("README.md", "CHANGELOG.md", "deploy/docs")


@pytest.fixture(scope="module")
def pages(repository) -> dict[Path, str]:
    """Every Markdown page for people, by its path."""
    chosen = [path for path in repository.files(".md") if str(path).startswith(PAGES)]
    assert len(chosen) > 8
    return {path: repository.text(path) for path in chosen}


@pytest.fixture(scope="module")
def generate(repository) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "guestwire_docs_generate", repository.base / "deploy/docs/generate.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_parts_are_fresh(pages, generate):
    stale = [str(path) for path, text in pages.items() if generate.filled(text) != text]
    assert not stale, "run `make docs`"
    whole = "".join(pages.values())
    assert not [name for name in generate.BLOCKS if f"<!-- generated: {name} -->" not in whole]


def test_every_command_is_in_the_reference(pages, generate):
    text = pages[Path("deploy/docs/cli.md")]
    for path, _ in generate.commands(cli):
        assert f" guestwire {' '.join(path)}\n" in text


def _command(words: list[str]) -> click.Command:
    """The command that these words of a shell line call."""
    found: click.Command = cli
    for word in words:
        if not isinstance(found, click.Group) or word.startswith("-"):
            break
        context = click.Context(found)
        inner = found.get_command(context, word)
        if inner is None:
            raise LookupError(f"there is no command {word!r} in {' '.join(words)!r}")
        found = inner
    return found


EXAMPLE = re.compile(r"(?:^|`)guestwire ((?:[a-z-]|--?\w)[^`\n#]*)", re.MULTILINE)


def _examples(text: str) -> list[list[str]]:
    """The words after `guestwire` in code, line continuations joined; shared options with values, and what a shell puts in, left out."""
    text = re.sub(r"<!-- generated: .*?end of generated -->", "", text, flags=re.DOTALL).replace("\\\n", " ")
    found = [match[1] for match in EXAMPLE.finditer(text)]
    return [re.sub(r"--(socket|context|timeout) \S+|\$\([^)]*\)", "", line).split() for line in found]


def test_the_commands_in_examples_exist(pages):
    wrong = []
    seen = 0
    for path, text in pages.items():
        for words in _examples(text):
            seen += 1
            try:
                command = _command(words)
            except LookupError as err:
                wrong.append(f"{path}: {err}")
                continue
            known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
            known |= {"--help", "-h"}
            wrong += [
                f"{path}: guestwire {' '.join(words)}: {word}"
                for word in words
                if re.fullmatch(r"--?[a-z][a-z-]*", word) and word not in known
            ]
    assert seen > 20
    assert not wrong


def test_the_error_codes_in_pages_exist(pages):
    code = re.compile(r"\b[A-Z]{2,}(?:-[A-Z0-9]+)+\b")
    others = {"CAP-SYS-ADMIN", "KVM-RT", "EPL-2", "UTF-8", "CRC-32", "ISO-8601", "RTOS-32"}
    wrong = [
        f"{path}: {found}"
        for path, text in pages.items()
        for found in set(code.findall(text)) - set(BY_CODE) - set(RULES) - set(PLAN_ISSUES) - others
        if not re.fullmatch(r"(RFC|SHA|ISO|PEP)-?\d+", found)
    ]
    assert not wrong


def test_the_operations_in_pages_exist(pages):
    operation = re.compile(
        r"`((?:area|audit|comm|config|event|guests?|host|job|lock|log|message|net|queue|snapshot|trust)-[a-z]+)`"
    )
    known = BY_NAME.keys() | ACTIONS.keys() | SHIPPED.keys()
    wrong = [
        f"{path}: {found}" for path, text in pages.items() for found in operation.findall(text) if found not in known
    ]  # fmt: skip
    assert not wrong


def test_the_agent_takes_the_example_configurations(pages, tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("GUESTWIRE_")]:
        monkeypatch.delenv(name)
    text = pages[Path("deploy/docs/agent-configuration.md")]
    examples = re.findall(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(examples) >= 2
    file = tmp_path / "agent.toml"
    for example in examples:
        file.write_text(example)
        assert load(file).host.id


def test_the_controller_takes_the_example_configurations(pages, tmp_path, monkeypatch):
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    for name in ("serve.key", "database.password"):
        (credentials / name).touch()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    examples = [
        example
        for page in ("index", "configuration")
        for example in re.findall(
            r"^```toml\n(.*?)^```", pages[Path(f"deploy/docs/controller/{page}.md")], re.MULTILINE | re.DOTALL
        )
    ]
    assert len(examples) == 2
    file = tmp_path / "controller.toml"
    for example in examples:
        file.write_text(example)
        assert load_controller(file).controller.name == "main"


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")


def test_links_lead_somewhere(repository, pages):
    link = re.compile(r"\]\(([^)\s]+)\)")
    wrong = []
    for path, text in pages.items():
        for target in link.findall(text):
            if target.startswith(("http://", "https://")):
                wrong.append(f"{path}: {target} leads out of the repository")
                continue
            file, _, anchor = target.partition("#")
            reached = (repository.base / path.parent / file).resolve() if file else repository.base / path
            if not reached.is_file():
                wrong.append(f"{path}: {target}")
            elif anchor and anchor not in {
                _anchor(h) for h in re.findall(r"^#+ (.+)$", reached.read_text(), re.MULTILINE)
            }:
                wrong.append(f"{path}: {target}: no such heading")
    assert not wrong


def test_the_files_of_the_repository_that_pages_name_are_there(repository, pages):
    named = re.compile(r"(?<![\w/.])((?:deploy|tests|\.ci)/[\w./-]*\w)")
    wrong = [
        f"{path}: {found}"
        for path, text in pages.items()
        for found in named.findall(text)
        if not (repository.base / found).exists() and not (repository.base / path.parent / found).exists()
    ]
    assert not wrong


def test_every_page_is_in_the_navigation(repository, pages):
    navigation = repository.text(Path("deploy/mkdocs.yml"))
    docs = [path.relative_to("deploy/docs") for path in pages if path.is_relative_to("deploy/docs")]
    shown = [path for path in docs if path.parent in (Path(), Path("communication"))]
    assert not [path for path in shown if f": {path}\n" not in navigation]


def test_the_make_targets_in_pages_exist(repository, pages):
    targets = set(re.findall(r"^([a-z]+):", repository.text(Path("Makefile")), re.MULTILINE))
    wrong = [
        f"{path}: make {found}"
        for path, text in pages.items()
        for found in re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE)
        if found not in targets
    ]
    assert not wrong
