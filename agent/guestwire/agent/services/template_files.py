"""The files that a template gives to a new guest's folder (SM 4.10, os.xml SubFolders): copied once, then the user's."""

import stat
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath

from guestwire.agent.services.generated_file import write_file
from guestwire.model.errors import GuestwireError

FILES_AT_MOST = 256
BYTES_AT_MOST = 16 * 1024 * 1024


def copy_templates(templates: Path, folders: Sequence[str], into: Path, reserved: Collection[str]) -> list[Path]:
    """Copy the files of these folders below `templates`, with their sub-folders, over nothing that is there; what is there
    now as the templates have it, relative to `into`. Raises DOCUMENT-INVALID for a path that leaves `templates` and for a
    file that is not a plain one or has a `reserved` name, NOT-FOUND, RESOURCE-EXHAUSTED for more than a guest's folder is
    for; OSError."""
    found = _found(templates, folders, reserved)
    for target, source in sorted(found.items()):
        to = into / target
        if not to.exists() and not to.is_symlink():
            to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_file(to, source.read_bytes(), 0o700 if source.stat().st_mode & stat.S_IXUSR else 0o600)
    return _the_same(found, into)


def as_templates(templates: Path, folders: Sequence[str], into: Path, reserved: Collection[str]) -> list[Path]:
    """What `copy_templates` would return, and nothing is copied."""
    return _the_same(_found(templates, folders, reserved), into)


def template_file(templates: Path, folders: Sequence[str], name: str) -> Path | None:
    """The file of that name that `copy_templates` would copy; None where there is none, or the copying would be refused."""
    found = None
    for folder in folders:
        try:
            path = _below(templates, folder) / name
        except GuestwireError:
            return None
        if path.is_file() and not path.is_symlink():
            found = path
    return found


def _found(templates: Path, folders: Sequence[str], reserved: Collection[str]) -> dict[Path, Path]:
    """Which file goes where, for every file of the folders."""
    found: dict[Path, Path] = {}
    size = 0
    for folder in folders:
        for source in _files(_below(templates, folder)):
            target = source.relative_to(templates / folder)
            if target.parts[0] in reserved:
                raise _invalid(folder, f"{target} is a name that guestwire gives to a file of its own.")
            found[target] = source
            size += source.stat().st_size
            if len(found) > FILES_AT_MOST or size > BYTES_AT_MOST:
                text = f"Template folders give a guest at most {FILES_AT_MOST} files of {BYTES_AT_MOST >> 20} MiB together."
                raise GuestwireError("RESOURCE-EXHAUSTED", text, detail={"folder": folder})
    return found


def _the_same(found: dict[Path, Path], into: Path) -> list[Path]:
    return [
        target
        for target, source in sorted(found.items())
        if (into / target).is_file() and (into / target).read_bytes() == source.read_bytes()
    ]


def _below(templates: Path, folder: str) -> Path:
    parts = PurePosixPath(folder).parts
    if not parts or PurePosixPath(folder).is_absolute() or ".." in parts:
        raise _invalid(folder, "A template's folder is a relative path, without '..'.")
    path = templates / folder
    if not path.is_dir():
        text = f"The template folder {folder} is not in {templates}."
        raise GuestwireError("NOT-FOUND", text, detail={"folder": folder})
    if not path.resolve().is_relative_to(templates.resolve()):
        raise _invalid(folder, "The folder is a link that leads out of the templates.")
    return path


def _files(folder: Path) -> Iterator[Path]:
    """The plain files in a folder and its sub-folders. A link is refused, wherever it leads."""
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise _invalid(folder.name, f"{path.name} is not a plain file.")
        if path.is_dir():
            yield from _files(path)
        else:
            yield path


def _invalid(folder: str, text: str) -> GuestwireError:
    issue = {"path": f"template files {folder}", "message": text}
    return GuestwireError("DOCUMENT-INVALID", f"{folder}: {text}", detail={"issues": [issue]})
