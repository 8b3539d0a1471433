"""The host itself: the machine that a document was made for, its settings, and files edited by hand (SM 13.1, 15)."""

from collections.abc import Iterator

from guestwire.model.cpuset import from_libvirt
from guestwire.model.errors import GuestwireError
from guestwire.model.rules.rule import Finding, Rule
from guestwire.model.rules.view import View

SMALLEST_SWAP_MIB = 1024


def topo_mismatch(view: View) -> Iterator[Finding]:
    made_for, found = view.desired.base_topology, view.topology.fingerprint
    if made_for is not None and made_for != found:
        yield Finding("base_topology", f"made for the machine {made_for[:12]}, but this is {found[:12]}")


def swap_min(view: View) -> Iterator[Finding]:
    swap = view.desired.settings.swap_mib
    if swap is not None and 0 < swap < SMALLEST_SWAP_MIB:
        yield Finding("settings.swap_mib", f"a swap file of {swap} MiB is too small")


def irqaff_no_cpu0(view: View) -> Iterator[Finding]:
    text = view.desired.settings.irq_affinity
    if text is None:
        return
    try:
        cpus = from_libvirt(text)
    except GuestwireError as err:
        yield Finding("settings.irq_affinity", err.message)
        return
    if 0 not in cpus:
        yield Finding("settings.irq_affinity", f"CPU 0 is not in {text!r}")


def file_modified(view: View) -> Iterator[Finding]:
    """The place is the file's path: the document does not have it."""
    for path in view.facts.modified or ():
        yield Finding(path, f"{path} was edited by hand or removed; the next apply writes it anew")


RULES: tuple[Rule, ...] = (
    Rule(
        "TOPO-MISMATCH", "E", "E", "A document is applied to the machine that it was made for.",
        "Map it to this machine with `hardware pull`, and look at what that changed.", topo_mismatch, ("topology",),
    ),
    Rule(
        "SWAP-MIN", "E", "E", "A swap file has 1024 MiB or more; 0 is none.",
        "Set settings.swap_mib to 0 or to 1024 and more.", swap_min,
    ),
    Rule(
        "IRQAFF-NO-CPU0", "E", "E", "The CPUs that serve interrupts are a CPU list that holds CPU 0.",
        "Write a list such as 0-1 that includes CPU 0.", irqaff_no_cpu0,
    ),
    Rule(
        "FILE-MODIFIED", "W", "W", "Generated files are not edited by hand.",
        "Move the change into the guest's overrides, where it outlives every apply.", file_modified, ("modified",),
    ),
)  # fmt: skip
