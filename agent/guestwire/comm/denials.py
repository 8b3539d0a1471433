"""Which denials are told by name. A guest may ask for any number of names that it has no right to; of those of one second, the
first are told one by one and the others together: their number is exact, their names are left out. Pure."""

from collections import OrderedDict

NAMED = 16
WINDOW_S = 1.0
MAX_PARTIES = 1024


class Denials:
    """Names by party, in the present second."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, tuple[float, set[str]]] = OrderedDict()

    def shown(self, party: str, name: str, mono: float) -> str:
        """The name to tell a denial under; empty: with those that are told together."""
        began, names = self._seen.pop(party, (mono, set()))
        if mono - began >= WINDOW_S:
            began, names = mono, set()
        self._seen[party] = began, names
        while len(self._seen) > MAX_PARTIES:
            self._seen.popitem(last=False)
        if name in names:
            return name
        if len(names) >= NAMED:
            return ""
        names.add(name)
        return name
