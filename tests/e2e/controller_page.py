"""The examples of the controller's pages, each as it stands there: commands, requests with curl, and the program in Python."""

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
from fleet import Cli
from page_commands import DOCS

BEFORE: Mapping[str, tuple[str, ...]] = {
    "project save line7 h1 h2": ("project pull h1 --discard", "project pull h2 --discard"),
    "project review h1 request": ("project set h1 guest.linux1.comments=other", "project plan h1"),
    "project open line7": ("project delete h1", "project delete h2"),
    "project add HOST": ("project pull HOST --discard",),
    "project review HOST approve": ("project set HOST guest.linux1.comments=other", "project plan HOST"),
    "project import HOST": ("project delete HOST",),
    "project apply HOST": ("project pull HOST --discard",),
    "rollout preview": ("guest start h1/linux1",),
}
"""What a line takes for granted, besides those above it."""
ENDS: Mapping[str, tuple[int, ...]] = {
    "project review h1 approve": (5,),  # it is one's own edit
    "project review HOST approve": (5,),
    "project diff HOST": (0, 3, 8),
    "project diff h1 --revision 7": (0, 3),
    "project diff h1 --draft-revision 12": (0, 3),
    "project restore h1 11": (0, 3),
    "rollout start NAME --project line7@3": (3, 4),  # no host has that label
    "fleet approve plant/h3": (3,),
    "alarm ack ID": (3,),
    "connection add": (4,),  # there is one
}
"""How a line ends whose names and numbers are the reader's to fill in."""
ELSEWHERE = ("host enrol", "host reboot HOST")
"""What a page names that takes a service of its own, or the host away: other tests do that."""

_CODE = re.compile(r"`([^`]+)`")


def blocks(page: str, language: str) -> list[str]:
    """The examples of a page of the controller in a language."""
    text = (DOCS / "controller" / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def lines(page: str) -> Iterator[str]:
    """The lines of a page's examples, without `guestwire`."""
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            yield line.removeprefix("guestwire ")


def cells(page: str) -> list[str]:
    """The commands in the right column of a page's tables, each once; without names alone, as of a command that needs more."""
    text = (DOCS / "controller" / page).read_text(encoding="utf-8")
    rows = (row for row in text.splitlines() if row.startswith("| "))
    codes = [code for row in rows for code in _CODE.findall(row.strip(" |").rpartition(" | ")[2])]
    commands = dict.fromkeys(code.removeprefix("guestwire ") for code in codes if code.startswith("guestwire "))
    longer = [command for command in commands if len(command.split()) > 1]
    return [one for one in longer if one not in ELSEWHERE and not any(other.startswith(f"{one} ") for other in longer)]


async def wrong_lines(cli: Cli, commands: Sequence[str], words: Mapping[str, str]) -> list[str]:
    """The lines that do not end as a reader expects, in a folder with the files they name. What is watched is looked at once; `words`:
    what the reader fills in."""

    pattern = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))

    def filled(line: str) -> list[str]:
        line = re.sub(rf"(?<![\w-])({pattern})(?![\w-])", lambda found: words[found[1]], line)
        return [word for word in shlex.split(line, comments=True) if word != "--watch"]

    wrong = []
    for line in commands:
        for before in next((more for begin, more in BEFORE.items() if line.startswith(begin)), ()):
            await cli(*filled(before), "--yes")
        said = await cli(*filled(line), "--yes")
        if said.code not in next((codes for begin, codes in ENDS.items() if line.startswith(begin)), (os.EX_OK,)):
            wrong.append(f"{line}: {said.code}: {said.err}")
    return wrong


async def curl(command: str, client: httpx.AsyncClient, words: Mapping[str, str]) -> httpx.Response:
    """What a line with curl asks for, with the reader's own `words` in it."""
    for word, own in words.items():
        command = command.replace(word, own)
    program, *arguments = shlex.split(command.replace("\\\n", " "))
    assert program == "curl", command
    url, headers, body, query, get = "", {}, "", [], False
    while arguments:
        match arguments.pop(0):
            case "-H":
                name, _, value = arguments.pop(0).partition(": ")
                headers[name] = value
            case "--get":
                get = True
            case "-d" | "--data-urlencode" as option:
                body = arguments.pop(0)
                query.append(body)
                assert get or option == "-d", command
            case "-s":
                pass
            case word:
                assert not url, f"{word} in {command}"
                assert not word.startswith("-"), f"{word} in {command}"
                url = word
    sent: dict[str, Any] = {"params": dict(pair.split("=", 1) for pair in query)} if get else {"content": body}
    return await client.request("POST" if body and not get else "GET", url, headers=headers, **sent)
