"""Files of the host that guests are given besides their disks: shared folders, and what they boot from.

A path is judged as it is written: who may make symbolic links in these folders is for the host's owner.
"""

from collections.abc import Iterator, Sequence

from guestwire.model.host_paths import below, normal
from guestwire.model.rules.rule import Finding, Rule
from guestwire.model.rules.view import View, place


def share_path_policy(view: View) -> Iterator[Finding]:
    assert view.facts.share_roots is not None
    for guest in view.everyone:
        for number, share in enumerate(guest.shares):
            if why := _outside(share.path, view.facts.share_roots, "shared folders", itself=True):
                yield Finding(place(guest, f"shares.{number}.path"), why)


def boot_path_policy(view: View) -> Iterator[Finding]:
    assert view.facts.boot_roots is not None
    for where, path in _booted(view):
        if path is not None and (why := _outside(path, view.facts.boot_roots, "boot files", itself=False)):
            yield Finding(where, why)


def _booted(view: View) -> Iterator[tuple[str, str | None]]:
    """Place and path of every kernel and initrd, also of images that no guest uses yet."""
    for guest in view.everyone:
        if guest.boot is not None:
            yield place(guest, "boot.kernel"), guest.boot.kernel
            yield place(guest, "boot.initrd"), guest.boot.initrd
    for image in view.desired.images:
        if image.format == "kernel":
            yield f"images.{image.id}.path", image.path
        yield f"images.{image.id}.initrd", image.initrd


def _outside(path: str, roots: Sequence[str], what: str, *, itself: bool) -> str | None:
    """Why a path may not be used; `itself`: a root may be, too."""
    if path != (plain := normal(path)):
        return f"{path} is not the plain path, which is {plain}"
    if any(below(path, root) or (itself and path == normal(root)) for root in roots):
        return None
    return f"{path} is in none of the folders for {what}"


RULES: tuple[Rule, ...] = (
    Rule(
        "SHARE-PATH-POLICY", "E", "E", "Folders that guests may mount lie below the host's folders for that, by plain paths.",
        "Share a folder in one that host.share_roots of the agent's file names.", share_path_policy, ("share_roots",),
    ),
    Rule(
        "BOOT-PATH-POLICY", "E", "E", "Kernels and initrds lie below the host's folders for boot files, by plain paths.",
        "Copy the file into a folder that host.boot_roots of the agent's file names.", boot_path_policy, ("boot_roots",),
    ),
)  # fmt: skip
