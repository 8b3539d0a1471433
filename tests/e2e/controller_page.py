"""The commands of the page about the command line through a controller, each as it stands there."""

import os
import re
import shlex
from collections.abc import Iterator, Mapping

from fleet import Cli
from page_commands import DOCS

LOGIN = "login https://controller.example:5000"
"""What the desk has done: with its own address."""
BEFORE: Mapping[str, tuple[str, ...]] = {
    "project save line7 h1 h2": ("project pull h2",),
    "project review h1 request": ("project set h1 guest.linux1.comments=other", "project plan h1"),
    "rollout preview": ("guest start h1/linux1",),
}
"""What a line takes for granted, besides those above it."""
ENDS: Mapping[str, tuple[int, ...]] = {
    "project review h1 approve": (5,),  # it is one's own edit
    "project diff h1 --revision 7": (0, 3),
    "project diff h1 --draft-revision 12": (0, 3),
    "project restore h1 11": (0, 3),
    "fleet approve plant/h3": (3,),
    "alarm ack ID": (3,),
}
"""How a line ends whose names and numbers are the reader's to fill in."""


def lines() -> Iterator[str]:
    """The lines of the page's examples, without `guestwire`."""
    text = (DOCS / "controller/cli.md").read_text(encoding="utf-8")
    for block in re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            yield line.removeprefix("guestwire ")


async def wrong_lines(cli: Cli) -> list[str]:
    """The lines that do not end as a reader expects, in a folder with `rule.toml`. What is watched is looked at once."""
    wrong = []
    for line in lines():
        if line.startswith(LOGIN):
            continue
        for before in next((more for begin, more in BEFORE.items() if line.startswith(begin)), ()):
            assert (await cli(*shlex.split(before))).code == 0, before
        words = [word for word in shlex.split(line, comments=True) if word != "--watch"]
        said = await cli(*(word.replace("web", "linux1") if "hook" not in word else word for word in words), "--yes")
        if said.code not in next((codes for begin, codes in ENDS.items() if line.startswith(begin)), (os.EX_OK,)):
            wrong.append(f"{line}: {said.code}: {said.err}")
    return wrong
