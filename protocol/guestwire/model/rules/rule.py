"""What a rule is: a row with its code, its severity under each policy profile, the facts it needs, and its function."""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from guestwire.model.issues import Severity
from guestwire.model.rules.view import View

Need = Literal[
    "topology", "capabilities", "machine", "memory_mib", "memory_free_mib", "simulated", "active", "running", "foreign",
    "files", "disk_roots", "management", "unsafe_interrupts", "modified",
    "share_roots", "boot_roots",
]  # fmt: skip
"""A field of Facts. Where it is None the rule is `not checked`."""


class Finding(NamedTuple):
    """One place where a rule is broken. `severity` None: the rule's own under the host's profile. A rule that finds both
    finds its errors first: of very many findings only the first are told."""

    path: str
    message: str
    related: tuple[str, ...] = ()
    severity: Severity | None = None


class Rule(NamedTuple):
    """A row of the table. A severity of None: the profile does not check it. `text` is the rule in one sentence, `hint` what
    to do where it is broken."""

    code: str
    kvm_rt: Severity | None
    system_manager: Severity | None
    text: str
    hint: str
    check: Callable[[View], Iterator[Finding]]
    needs: tuple[Need, ...] = ()
