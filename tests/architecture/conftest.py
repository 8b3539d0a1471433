"""What the tests of the repository itself share: its files and its layout."""

import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOTS = ("agent", "protocol", "clients", "broker-test")


@dataclass(frozen=True)
class Repository:
    """The checkout: every path relative to `base`, what is ignored by git left out."""

    base: Path

    def files(self, *suffixes: str) -> tuple[Path, ...]:
        """All files, or those with one of these suffixes."""
        return tuple(path for path in _listed(self.base) if not suffixes or path.suffix in suffixes)

    def modules(self) -> tuple[Path, ...]:
        """The source modules of the four roots."""
        return tuple(path for path in self.files(".py") if path.parts[0] in ROOTS)

    def tests(self) -> tuple[Path, ...]:
        return tuple(path for path in self.files(".py") if path.parts[0] == "tests")

    def sub_packages(self) -> dict[str, list[str]]:
        """Name of a sub-package of `guestwire` -> the roots that have a folder of that name."""
        found: dict[str, list[str]] = {}
        for root in ROOTS:
            for name in {path.parts[2] for path in self.modules() if path.parts[0] == root and len(path.parts) > 3}:
                found.setdefault(name, []).append(root)
        return found

    def text(self, path: Path) -> str:
        return (self.base / path).read_text(encoding="utf-8")


@cache
def _listed(base: Path) -> tuple[Path, ...]:
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={base}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=base, capture_output=True, text=True, check=True, timeout=60,
    ).stdout.split("\0")  # fmt: skip
    return tuple(sorted(Path(name) for name in listed if name and (base / name).is_file()))


@pytest.fixture(scope="session")
def repository() -> Repository:
    return Repository(Path(__file__).parents[2])
