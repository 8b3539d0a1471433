"""The rules' verdict on a draft, as its host would settle it, with the facts that are known here. Pure: no host is asked."""

from collections.abc import Iterator

from guestwire.formats.domain_xml.fitting import misfit
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.facts import Facts
from guestwire.model.issues import Issue, Verdict, in_order
from guestwire.model.pinning import pinning
from guestwire.model.resolving import resolve
from guestwire.model.rules.table import validate
from guestwire.model.settling import settle


def verdict(draft: Desired, facts: Facts, host: str, *, include_disabled: bool = False) -> Verdict:
    """The rules' verdict on a draft as its host would settle it."""
    settled = settle(draft, facts.active or Desired(), host=host, disk_root=None)
    found = validate(settled, facts, include_disabled=include_disabled)
    return found.model_copy(update={"issues": in_order((*found.issues, *_misfits(settled, facts)))})


def _misfits(settled: Desired, facts: Facts) -> Iterator[Issue]:
    """Overrides that do not fit. Those of guests with pins need the machine, which says where the threads go."""
    for guest in settled.guests:
        bound = guest.cpuset is not None or guest.numatune not in {"", "auto"}
        if not guest.overrides or (bound and facts.topology is None):
            continue
        try:
            pins = None if facts.topology is None else pinning(guest, facts.topology, settled.policy.profile)
        except GuestwireError:  # a rule says so
            continue
        if (issue := misfit(guest, resolve(guest, settled.images), pins)) is not None:
            yield issue
