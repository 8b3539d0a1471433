"""`guestwire template`."""

import json
from pathlib import Path

OS_XML = '<OperatingSystems><OperatingSystem Id="RtLinux" Name="RT Linux" Type="linux" HasRtSupport="true"/></OperatingSystems>'
IMAGES_XML = '<Images><Image Id="Rt" Name="Rt" Type="linux" Path="/i/rt" Arch="64" MinSize="192M" Align="4M"/></Images>'


def test_import_and_list(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for name, text in (("os.xml", OS_XML), ("images.xml", IMAGES_XML)):
        (tmp_path / name).write_text(text)
    assert run("project", "new", "--host", "h1").exit_code == 0
    assert run("template", "list", "h1").stdout == ""
    assert run("template", "import", str(tmp_path / "os.xml")).exit_code == 0
    said = run("template", "import", str(tmp_path / "images.xml"), "h1")
    assert "1 templates, 1 images" in said.stderr
    documents = json.loads(run("template", "list", "h1", "-o", "json").stdout)
    assert [(one["what"], one["id"]) for one in documents] == [("template", "RtLinux"), ("image", "Rt")]
    assert "192 MiB" in run("template", "list", "h1").stdout


def listed(said) -> list[tuple[str, str, str]]:  # type: ignore[no-untyped-def]
    return [(one["what"], one["id"], one["from"]) for one in json.loads(said.stdout)]


def test_those_that_come_with_guestwire_are_there_from_the_first(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    first = listed(run("template", "list", "-o", "json"))
    assert ("template", "Windows", "guestwire") in first
    assert ("image", "RtLinux", "guestwire") in first
    run("project", "new", "--host", "h1")
    assert listed(run("template", "list", "-o", "json")) == first
    assert run("template", "import", "RtLinux", "h1").exit_code == 0
    assert listed(run("template", "list", "h1", "-o", "json")) == [
        ("template", "RtLinux", "h1"),
        ("image", "RtLinux", "h1"),
    ]
    both = listed(run("template", "list", "-o", "json"))
    assert sorted(one[:2] for one in both) == sorted(one[:2] for one in first), "a draft's own comes in their place"
    assert ("image", "RtLinux", "h1") in both
    run("project", "new", "--host", "h2")
    assert listed(run("template", "list", "-o", "json")) == first, "which draft is not said"
    assert run("project", "add", "h1", "guest", "rt", "kind=rt", "image=RtLinux", "cpuset=3").exit_code == 0
    (guest,) = json.loads(run("project", "show", "h1", "-o", "json").stdout)["guests"]
    assert guest["memory_mib"] == 256, "its image's"


def test_what_is_neither_a_file_nor_a_template(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run("project", "new", "--host", "h1")
    for source, code in (("RTLinux", "NOT-FOUND"), ("no.xml", "FILE-MISSING")):
        said = run("template", "import", source, "h1")
        assert said.exit_code != 0
        assert f"error: {code}: " in said.stderr, said.stderr


def test_a_file_of_something_else(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run("project", "new", "--host", "h1")
    file = tmp_path / "os.xml"
    file.write_text("<os><x/></os>")
    for command in (
        ("template", "import", str(file), "h1"),
        ("project", "import", "h1", str(file), "--format", "templates"),
    ):
        said = run(*command)
        assert said.exit_code == 9, said.stderr
        assert "error: DOCUMENT-INVALID: " in said.stderr
        assert "<OperatingSystem Id=" in said.stderr


def test_a_file_with_mistakes(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run("project", "new", "--host", "h1")
    file = tmp_path / "images.xml"
    file.write_text(IMAGES_XML.replace("192M", "192"))
    said = run("template", "import", str(file))
    assert said.exit_code == 9
    assert "MinSize" in said.stderr
