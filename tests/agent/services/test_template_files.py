"""Files of a template, copied into a guest's folder."""

from pathlib import Path

import pytest

from guestwire.agent.services.template_files import BYTES_AT_MOST, FILES_AT_MOST, copy_templates
from guestwire.model.errors import GuestwireError


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    root = tmp_path / "templates"
    (root / "rtlinux" / "files").mkdir(parents=True)
    (root / "rtlinux" / "guest.txt").write_text("a template's")
    (root / "rtlinux" / "files" / "vm_shutdown_hook.sh").write_text("#!/bin/sh\n")
    (root / "rtlinux" / "files" / "vm_shutdown_hook.sh").chmod(0o755)
    (root / "extra").mkdir()
    (root / "extra" / "guest.txt").write_text("another template's")
    (root / "extra" / "more.txt").write_text("more")
    return root


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "guest0001"
    folder.mkdir()
    return folder


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_files_come_with_their_folders_and_who_may_run_them(templates: Path, into: Path) -> None:
    copied = copy_templates(templates, ["rtlinux"], into, ())
    assert [str(path) for path in copied] == names(into) == ["files/vm_shutdown_hook.sh", "guest.txt"]
    assert (into / "files/vm_shutdown_hook.sh").stat().st_mode & 0o777 == 0o700
    assert (into / "guest.txt").stat().st_mode & 0o777 == 0o600


def test_nothing_that_is_there_is_overwritten(templates: Path, into: Path) -> None:
    (into / "guest.txt").write_text("mine")
    assert [str(path) for path in copy_templates(templates, ["extra"], into, ())] == ["more.txt"]
    assert (into / "guest.txt").read_text() == "mine"
    assert [str(path) for path in copy_templates(templates, ["extra"], into, ())] == ["more.txt"], "after a crash"


def test_a_later_folder_wins_over_an_earlier_one(templates: Path, into: Path) -> None:
    copy_templates(templates, ["rtlinux", "extra"], into, ())
    assert (into / "guest.txt").read_text() == "another template's"


@pytest.mark.parametrize("folder", ["../secret", "/etc", "rtlinux/../..", "", "outside"])
def test_no_path_leaves_the_templates(templates: Path, into: Path, folder: str) -> None:
    (templates / "outside").symlink_to("/etc")
    (templates.parent / "secret").mkdir()
    with pytest.raises(GuestwireError, match="DOCUMENT-INVALID"):
        copy_templates(templates, [folder], into, ())
    assert names(into) == []


def test_a_link_among_the_files_is_refused(templates: Path, into: Path) -> None:
    (templates / "extra" / "shadow").symlink_to("/etc/shadow")
    with pytest.raises(GuestwireError, match="DOCUMENT-INVALID"):
        copy_templates(templates, ["extra"], into, ())
    assert names(into) == []


def test_a_folder_that_is_not_there_is_named(templates: Path, into: Path) -> None:
    with pytest.raises(GuestwireError) as caught:
        copy_templates(templates, ["vxworks"], into, ())
    assert (caught.value.code, caught.value.detail["folder"]) == ("NOT-FOUND", "vxworks")


def test_a_generated_files_name_is_taken(templates: Path, into: Path) -> None:
    with pytest.raises(GuestwireError, match="DOCUMENT-INVALID"):
        copy_templates(templates, ["extra"], into, ("more.txt",))


@pytest.mark.parametrize(("files", "size"), [(FILES_AT_MOST + 1, 0), (2, BYTES_AT_MOST)])
def test_a_folder_is_not_filled_without_bounds(templates: Path, into: Path, files: int, size: int) -> None:
    (templates / "many").mkdir()
    for number in range(files):
        with (templates / "many" / str(number)).open("wb") as file:
            file.truncate(size)
    with pytest.raises(GuestwireError, match="RESOURCE-EXHAUSTED"):
        copy_templates(templates, ["many"], into, ())
    assert names(into) == []
