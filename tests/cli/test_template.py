"""`guestwire template`."""

import json
from pathlib import Path

OS_XML = '<OperatingSystems><OperatingSystem Id="RtLinux" Name="RT Linux" Type="linux" HasRtSupport="true"/></OperatingSystems>'
IMAGES_XML = '<Images><Image Id="Rt" Name="Rt" Type="linux" Path="/i/rt" Arch="64" MinSize="192M" Align="4M"/></Images>'


def test_import_and_list(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for name, text in (("os.xml", OS_XML), ("images.xml", IMAGES_XML)):
        (tmp_path / name).write_text(text)
    assert run("project", "new", "--host", "h1").exit_code == 0
    assert run("template", "list").stdout == ""
    assert run("template", "import", str(tmp_path / "os.xml")).exit_code == 0
    said = run("template", "import", str(tmp_path / "images.xml"), "h1")
    assert "1 templates, 1 images" in said.stderr
    documents = json.loads(run("template", "list", "h1", "-o", "json").stdout)
    assert [(one["what"], one["id"]) for one in documents] == [("template", "RtLinux"), ("image", "Rt")]
    assert "192 MiB" in run("template", "list").stdout


def test_a_file_with_mistakes(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run("project", "new", "--host", "h1")
    file = tmp_path / "images.xml"
    file.write_text(IMAGES_XML.replace("192M", "192"))
    said = run("template", "import", str(file))
    assert said.exit_code == 9
    assert "MinSize" in said.stderr
