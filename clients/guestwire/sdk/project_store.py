"""Drafts: the configurations a user edits, as project files on this machine; and what each was pulled from.

    $XDG_DATA_HOME/guestwire/projects/CONTEXT/HOST.toml        the draft: the "last session" of that context and host
    $XDG_DATA_HOME/guestwire/projects/CONTEXT/HOST.base.json   the host as it was pulled: revision, configuration, machine
    $XDG_DATA_HOME/guestwire/projects/CONTEXT/HOST.plan        the plan that was last applied from here, and of which file

A project file anywhere else is a draft as well. Nothing here talks to a host.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pydantic import ValidationError

from guestwire.formats import project_edits, project_toml
from guestwire.model.base import Model
from guestwire.model.desired import Desired, Project
from guestwire.model.errors import GuestwireError
from guestwire.model.topology import Topology
from guestwire.sdk import locked_file

MAX_BYTES = 8 << 20


class Base(Model):
    """A host as it was when its configuration was fetched. `topology` None: it did not say."""

    revision: int
    desired: Desired
    topology: Topology | None = None


@dataclass(frozen=True, slots=True)
class AppliedPlan:
    """A plan that was sent to a host. `draft`: the project file that it was made from; None: from none."""

    plan_id: str
    draft: Path | None = None


class Draft:
    """One host's configuration in a project file, which may hold other hosts too."""

    def __init__(self, path: Path, host: str) -> None:
        self.path = path
        self.host = host

    @property
    def exists(self) -> bool:
        return self.path.exists()

    @property
    def where(self) -> str:
        """What it is called in remarks."""
        return str(self.path)

    @property
    def edited_copy(self) -> Path:
        """Where the text is while a person edits it."""
        return self.path.with_name(f".{self.path.stem}.edited.toml")

    @property
    def edited_from(self) -> Path:
        """Where it is noted what the copy was made from."""
        return self.path.with_name(f".{self.path.stem}.edited.from")

    @property
    def touched_ms(self) -> int:
        """When it was last written, in Unix ms."""
        return self.path.stat().st_mtime_ns // 1_000_000

    def text(self) -> str:
        """The whole file. Raises DRAFT-MISSING, DOCUMENT-INVALID."""
        try:
            return read(self.path)
        except GuestwireError as err:
            if err.code != "FILE-MISSING":
                raise
            raise GuestwireError(
                "DRAFT-MISSING", f"There is no draft for {self.host}: {self.path} is not there."
            ) from err

    def project(self) -> Project:
        """The whole project. Raises DRAFT-MISSING, DOCUMENT-INVALID with every mistake."""
        return loaded(self.text(), self.path)

    def desired(self) -> Desired:
        """The host's configuration. Raises DRAFT-MISSING, DOCUMENT-INVALID, NOT-FOUND for a project without that host."""
        return self.of(self.project())

    def of(self, project: Project) -> Desired:
        """The host's part of this project. Raises NOT-FOUND."""
        if self.host not in project.hosts:
            has = ", ".join(sorted(project.hosts)) or "none"
            raise GuestwireError("NOT-FOUND", f"{self.path} has no host {self.host} (it has: {has}).")
        return project.hosts[self.host]

    def change(self, edit: Callable[[str], str]) -> Desired:
        """Edit the text under the file's lock; it is read back before it is kept, so that a file is never made worse.
        Gives the host's configuration then. Raises what `edit` raises, NOT-FOUND, DOCUMENT-INVALID."""
        found: list[Desired] = []

        def checked(text: str) -> str:
            after = edit(text)
            found.append(self.of(loaded(after, self.path)))
            return after

        locked_file.change(self.path, checked)
        return found[0]

    def amend(self, make: Callable[[Desired], Desired], *, name: str = "") -> Desired:
        """Make something else of the host's configuration; what stays the same keeps its lines and remarks. A file that is
        not there, or has no such host, begins with an empty one. Gives the configuration then. Raises DOCUMENT-INVALID."""

        def edit(text: str) -> str:
            project = loaded(text, self.path) if text.strip() else Project(name=name)
            hosts = {**project.hosts, self.host: make(project.hosts.get(self.host, Desired()))}
            wanted = project.model_copy(update={"hosts": hosts})
            return project_edits.update(text, wanted) if text.strip() else project_toml.dump(wanted)

        return self.change(edit)


class ProjectStore:
    """The drafts of one context."""

    def __init__(self, root: Path, context: str) -> None:
        self.folder = root / quote(context, safe="@")

    def draft(self, host: str) -> Draft:
        return Draft(self._path(host), host)

    def drafts(self) -> tuple[Draft, ...]:
        """Every draft, by its host's name."""
        if not self.folder.is_dir():
            return ()
        return tuple(Draft(path, path.stem) for path in sorted(self.folder.glob("*.toml")) if path.name[0] != ".")

    def read(self, hosts: Collection[str] | None = None) -> Mapping[str, Draft]:
        """The drafts that there are of these hosts (None: of all), by host, each as it is now. May block."""
        return {draft.host: draft for draft in self.drafts() if hosts is None or draft.host in hosts}

    def base(self, host: str) -> Base | None:
        """What the host was like when it was last fetched; None: never, or not readable any more."""
        try:
            return Base.model_validate_json(self._base(host).read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def keep(self, host: str, base: Base) -> None:
        """Remember what the host is like."""
        locked_file.change(self._base(host), lambda _: base.model_dump_json(exclude_defaults=True))

    def forget(self, host: str) -> None:
        """Delete the draft of a host, and what was remembered with it. Raises DRAFT-MISSING."""
        draft = self.draft(host)
        if not draft.exists:
            raise GuestwireError("DRAFT-MISSING", f"There is no draft for {host}.")
        for path in (draft.path, draft.edited_copy, draft.edited_from, self._base(host), self._plan(host)):
            path.unlink(missing_ok=True)

    def remember_plan(self, host: str, plan: AppliedPlan) -> None:
        """Remember the plan of an apply, for its confirmation."""
        draft = "" if plan.draft is None else f"{plan.draft}\n"
        locked_file.change(self._plan(host), lambda _: f"{plan.plan_id}\n{draft}")

    def last_plan(self, host: str) -> AppliedPlan | None:
        """The plan that was remembered last; None: none was."""
        try:
            plan_id, _, draft = self._plan(host).read_text(encoding="utf-8").strip().partition("\n")
        except FileNotFoundError:
            return None
        return AppliedPlan(plan_id, Path(draft) if draft else None) if plan_id else None

    def _path(self, host: str) -> Path:
        return self.folder / f"{host}.toml"

    def _plan(self, host: str) -> Path:
        return self.folder / f"{host}.plan"

    def _base(self, host: str) -> Path:
        return self.folder / f"{host}.base.json"


def default_root(environment: Mapping[str, str]) -> Path:
    """Where drafts are kept for this environment."""
    base = environment.get("XDG_DATA_HOME")
    home = Path(environment["HOME"]) if environment.get("HOME") else Path.home()
    return (Path(base) if base and Path(base).is_absolute() else home / ".local/share") / "guestwire/projects"


def read(path: Path) -> str:
    """The text of a file that a person wrote. Raises FILE-MISSING, DOCUMENT-INVALID."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise GuestwireError("DOCUMENT-INVALID", f"{path} is larger than a project can be.")
        return data.decode()
    except FileNotFoundError as err:
        raise GuestwireError("FILE-MISSING", f"There is no file {path}.") from err
    except (OSError, UnicodeDecodeError) as err:
        raise GuestwireError("DOCUMENT-INVALID", f"{path} cannot be read: {err}") from err


def loaded(text: str, path: Path) -> Project:
    """The project in the text of the file at `path`. Raises DOCUMENT-INVALID that names the file."""
    try:
        return project_toml.load(text)
    except GuestwireError as err:
        raise GuestwireError(
            err.code, f"{path}: {err.message}", field=err.field, detail=err.detail, cause=err.cause
        ) from err
