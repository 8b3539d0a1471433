"""The folder of each guest, STATE_DIR/guests/guest0001 (SM 4.7): files that we generate from the active configuration and
say not to edit, and files of the user that are never overwritten nor deleted.

generated    guest.config (the guest as applied, TOML), domain.xml, template_files.json
the user's   overrides.toml, vm_shutdown_hook.sh, what a template gave, anything else
"""

import asyncio
import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count, takewhile
from pathlib import Path

from guestwire.agent.services.generated_file import intact, sealed, sync_folder, unsealed, write_file
from guestwire.agent.services.template_files import as_templates, copy_templates, template_file
from guestwire.agent.services.user_overrides import NAME as OVERRIDES
from guestwire.agent.services.user_overrides import UserOverrides
from guestwire.formats import toml_text
from guestwire.link.clock import now
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest, Override, is_guest_id

CONFIG, DOMAIN, TEMPLATES = "guest.config", "domain.xml", "template_files.json"
GENERATED = (CONFIG, DOMAIN, TEMPLATES)
HOOK = "vm_shutdown_hook.sh"
HOOK_LOGS = ("shutdown_hook.log", "shutdown_hook.log.1")
_RESERVED = (*GENERATED, *HOOK_LOGS)
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>\s*")


async def _no_definition(_uuid: str) -> str | None:
    return None


class GuestFolders:
    """The folders of one host's guests. One writer at a time: whoever holds the host's lane.

    root        STATE_DIR/guests; made when it is first needed
    templates   where the folders that templates name are; None: this host has none
    definition  the definition of a guest as the hypervisor keeps it (the Guests port's)

    Raises RESOURCE-EXHAUSTED when the disk takes nothing.
    """

    def __init__(
        self,
        root: Path,
        templates: Path | None = None,
        definition: Callable[[str], Awaitable[str | None]] = _no_definition,
    ) -> None:
        self._root = root
        self._templates = templates
        self._definition = definition
        self._overrides = UserOverrides(lambda: now().wall_ms)

    def folder(self, guest_id: str) -> Path:
        """Where the folder of GUESTnnnn is, or would be."""
        if not is_guest_id(guest_id):
            raise ValueError(f"no guest identifier: {guest_id!r}")
        return self._root / guest_id.lower()

    def user_overrides(self, guest_id: str, template_files: Sequence[str] = ()) -> tuple[Override, ...]:
        """The user's own changes to the domain XML, or those that `write` would copy from the template's folders. Raises
        DOCUMENT-INVALID with every mistake and its place."""
        folder = self.folder(guest_id)
        path = folder / OVERRIDES
        if self._templates is not None and not path.exists() and _is_new(folder):
            path = template_file(self._templates, template_files, OVERRIDES) or path
        return self._overrides.read(path)

    async def modified(self, guests: Iterable[Guest]) -> Mapping[str, tuple[str, ...]]:
        """The generated files of these guests that somebody edited or removed, by path, for each GUESTnnnn that has any. A
        guest that has no folder yet, or no more, has none. Raises what `definition` raises."""
        chosen = {guest.id: guest for guest in guests if guest.id is not None}
        found = await asyncio.to_thread(lambda: {id: self._look(self.folder(id)) for id in chosen})
        modified = {}
        for id, (there, paths) in found.items():
            if there and not (domain := self.folder(id) / DOMAIN).exists():
                uuid = chosen[id].uuid
                paths += [domain] if uuid is not None and await self._definition(uuid) is not None else []
            if paths:
                modified[id] = tuple(str(path) for path in paths)
        return modified

    async def write(self, guest: Guest, template_files: Sequence[str] = ()) -> None:
        """Generate the files of a guest anew. `template_files`: its template's folders, copied when the guest gets its
        folder and never again. Raises what `template_files.copy_templates` raises, before anything else is written."""
        assert guest.id is not None
        xml = await self._definition(guest.uuid) if guest.uuid is not None else None
        with _disk():
            await asyncio.to_thread(self._write, self.folder(guest.id), guest, xml, tuple(template_files))

    async def capture(self, guest_id: str) -> str:
        """The generated files as they are, opaque, for `restore`."""
        return await asyncio.to_thread(self._capture, self.folder(guest_id))

    async def restore(self, guest_id: str, state: str) -> None:
        """Put back what `capture` gave, after a `write` or a `remove`; files of the user stay. Idempotent."""
        with _disk():
            await asyncio.to_thread(self._restore, self.folder(guest_id), state)

    async def remove(self, guest_id: str) -> None:
        """The guest is gone. A folder that still has files of the user is renamed, so that they are kept and the next guest
        with that identifier does not find them. Idempotent."""
        with _disk():
            await asyncio.to_thread(self._remove, self.folder(guest_id))

    # -- pieces, in a thread

    def _look(self, folder: Path) -> tuple[bool, list[Path]]:
        """Whether the folder is there, and which of its generated files are not as we wrote them."""
        texts = {name: _read(folder / name) for name in GENERATED}
        there = folder.is_dir()
        gone = [folder / CONFIG] if there and texts[CONFIG] is None else []
        return there, gone + [folder / name for name, text in texts.items() if text is not None and not intact(text)]

    def _write(self, folder: Path, guest: Guest, xml: str | None, template_files: tuple[str, ...]) -> None:
        if template_files and _is_new(folder):
            self._make(folder)
            self._copy(folder, template_files)
        self._make(folder)
        if (listed := _read(folder / TEMPLATES)) is not None and not intact(listed):
            self._note_copied(folder, self._as_templates(folder, template_files))
        _put(folder / CONFIG, sealed(_toml(guest)))
        if xml is not None:
            _put(folder / DOMAIN, sealed(_DECLARATION.sub("", xml), xml=True))

    def _make(self, folder: Path) -> None:
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not folder.is_dir():
            folder.mkdir(mode=0o700)
            sync_folder(self._root)

    def _copy(self, folder: Path, template_files: tuple[str, ...]) -> None:
        if self._templates is None:
            text = "This host has no folder of templates."
            raise GuestwireError("NOT-FOUND", text, detail={"folders": list(template_files)})
        try:
            copied = copy_templates(self._templates, template_files, folder, _RESERVED)
        except GuestwireError:
            _remove_if_empty(folder)
            raise
        self._note_copied(folder, copied)

    def _as_templates(self, folder: Path, template_files: tuple[str, ...]) -> list[Path]:
        if self._templates is None:
            return []
        try:
            return as_templates(self._templates, template_files, folder, _RESERVED)
        except GuestwireError:  # they are gone, or wrong by now: what the folder has is the user's
            return []

    def _note_copied(self, folder: Path, copied: Iterable[Path]) -> None:
        digests = {str(path): hashlib.sha256((folder / path).read_bytes()).hexdigest() for path in copied}
        _put(folder / TEMPLATES, sealed(json.dumps(digests, indent=1, sort_keys=True) + "\n"))

    def _capture(self, folder: Path) -> str:
        files = {name: _read(folder / name) for name in GENERATED}
        exists = folder.is_dir()
        kept = exists and _has_more(folder)
        return json.dumps({"uuid": _uuid(files[CONFIG]), "exists": exists, "kept": kept, "files": files})

    def _restore(self, folder: Path, state: str) -> None:
        before = json.loads(state)
        if not before["exists"]:
            for name in self._untouched(folder):
                (folder / name).unlink()
            self._remove(folder)
            return
        aside = _newest(_aside(folder, before["uuid"]))
        if before["kept"] and aside is not None and not folder.is_dir():
            aside.rename(folder)
            sync_folder(self._root)
        self._make(folder)
        for name, text in before["files"].items():
            if text is None:
                (folder / name).unlink(missing_ok=True)
            else:
                _put(folder / name, text)
        sync_folder(folder)

    def _remove(self, folder: Path) -> None:
        if not folder.is_dir():
            return
        if _has_more(folder):  # renamed first: what a crash leaves is nobody's folder any more
            aside = _free(_aside(folder, _uuid(_read(folder / CONFIG))))
            folder.rename(aside)
            folder = aside
        for path in _ours(folder):
            path.unlink()
        for path in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
            _remove_if_empty(path)
        _remove_if_empty(folder)
        sync_folder(self._root)

    def _untouched(self, folder: Path) -> Iterator[str]:
        """The files that a template gave and nobody changed."""
        try:
            digests = dict(json.loads(unsealed(_read(folder / TEMPLATES) or "{}")))
        except ValueError:
            return
        for name, digest in digests.items():
            path = folder / name
            inside = path.is_file() and path.resolve().is_relative_to(folder.resolve())
            if inside and hashlib.sha256(path.read_bytes()).hexdigest() == digest:
                yield name


@contextmanager
def _disk() -> Iterator[None]:
    """Errors of the disk in our words."""
    try:
        yield
    except OSError as err:
        text = f"A file in the guests' folders could not be written: {err.strerror}."
        raise GuestwireError(
            "RESOURCE-EXHAUSTED", text, detail={"resource": "disk", "errno": err.errno, "path": str(err.filename)}
        ) from err


def _put(path: Path, text: str) -> None:
    if _read(path) != text:
        write_file(path, text.encode())


def _read(path: Path) -> str | None:
    """The text of a file; what is not UTF-8 in it is replaced, and so never intact. None: there is none."""
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return None


def _toml(guest: Guest) -> str:
    return toml_text.write(guest.model_dump(mode="json", exclude_none=True))


def _uuid(config: str | None) -> str:
    """Whose folder it is."""
    found = re.search(r'^uuid = "([0-9a-f-]{36})"$', config or "", re.MULTILINE)
    return found[1] if found else "unknown"


def _is_new(folder: Path) -> bool:
    """Whether nothing was generated there yet: it is then that a guest gets its template's files."""
    return not any((folder / name).exists() for name in GENERATED)


def _ours(folder: Path) -> list[Path]:
    """The generated files, and what a crash left of writing one."""
    names = (*GENERATED, *(f".{name}.new" for name in GENERATED))
    return [path for name in names if (path := folder / name).is_file()]


def _has_more(folder: Path) -> bool:
    """Whether the folder has files that are not generated."""
    ours = set(_ours(folder))
    return any(path not in ours and (path.is_symlink() or not path.is_dir()) for path in folder.rglob("*"))


def _aside(folder: Path, uuid: str) -> Path:
    return folder.with_name(f"{folder.name}.removed-{uuid}")


def _numbered(path: Path) -> Iterator[Path]:
    yield path
    for number in count(2):
        yield path.with_name(f"{path.name}-{number}")


def _free(path: Path) -> Path:
    """The path, or with a number the first one that nothing has."""
    return next(one for one in _numbered(path) if not one.exists())


def _newest(path: Path) -> Path | None:
    """The last one that `_free` gave out."""
    taken = list(takewhile(Path.exists, _numbered(path)))
    return taken[-1] if taken else None


def _remove_if_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True
