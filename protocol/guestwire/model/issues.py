"""What is wrong with a document: stable codes for programs, texts for people."""

from collections.abc import Iterable
from typing import Literal

from guestwire.model.base import Model

Severity = Literal["E", "W"]


class Issue(Model):
    """`severity` E blocks an apply, W reminds. `path` is the place in the document ("guests.rtlinux.cpuset"), `related` what
    else takes part (paths or names), `hint` what to do."""

    code: str
    severity: Severity
    path: str
    message: str
    related: tuple[str, ...] = ()
    hint: str = ""


class Verdict(Model):
    """The issues, errors first, and the codes that could not be looked at because a fact is missing. `more`: at least so
    many issues were left out, because a rule or all together found more than can be read; none of them is an error where
    no error is among those that are told."""

    issues: tuple[Issue, ...] = ()
    not_checked: tuple[str, ...] = ()
    more: int = 0

    @property
    def errors(self) -> tuple[Issue, ...]:
        return tuple(issue for issue in self.issues if issue.severity == "E")

    @property
    def valid(self) -> bool:
        return not self.errors


def in_order(issues: Iterable[Issue]) -> tuple[Issue, ...]:
    """Errors before warnings, then by place and code."""
    return tuple(sorted(issues, key=lambda issue: (issue.severity != "E", issue.path, issue.code, issue.message)))
