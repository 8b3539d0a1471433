"""Makes clients/guestwire/controller/web/vendor anew: the browser's libraries, as their packages have them, byte for byte.

`python deploy/web/vendor.py`: fetches the packages below with npm, takes those files of them that the dashboard's import map
leads to, and writes manifest.json with the digest of each. A new version is written into PACKAGES here and into
deploy/web/package.json, whose types the dashboard is checked with; tests/web/test_vendored.py compares all of it.
"""

import hashlib
import json
import posixpath
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
VENDOR = ROOT / "clients/guestwire/controller/web/vendor"
LICENCE = "LICENSE"
IMPORTED = re.compile(r"""(?:\bfrom|\bimport)\s*["']([\w@./-]+)["']""")


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    wanted: tuple[str, ...]
    """Paths, or patterns of them: what is imported by those comes by itself."""
    imports: tuple[tuple[str, str], ...]
    """Of the import map: what a module asks for, and the path in the package; a folder ends with a slash in both."""


PACKAGES = (
    Package(
        "lit", "3.3.3", ("index.js", "async-directive.js", "directive.js", "directives/*.js"),
        (("lit", "index.js"), ("lit/", "")),
    ),
    Package("lit-html", "3.3.3", ("lit-html.js",), (("lit-html", "lit-html.js"), ("lit-html/", ""))),
    Package("lit-element", "4.2.2", ("lit-element.js",), (("lit-element/", ""),)),
    Package("@lit/reactive-element", "2.1.2", ("reactive-element.js",), (("@lit/reactive-element", "reactive-element.js"),)),
    Package("uplot", "1.6.32", ("dist/uPlot.esm.js", "dist/uPlot.min.css"), (("uplot", "dist/uPlot.esm.js"),)),
    Package("@xterm/xterm", "6.0.0", ("lib/xterm.mjs", "css/xterm.css"), (("@xterm/xterm", "lib/xterm.mjs"),)),
    Package("@xterm/addon-fit", "0.11.0", ("lib/addon-fit.mjs",), (("@xterm/addon-fit", "lib/addon-fit.mjs"),)),
)  # fmt: skip


def import_map() -> dict[str, str]:
    return {asked: f"{package.name}/{path}" for package in PACKAGES for asked, path in package.imports}


def fetched(package: Package, directory: Path) -> Path:
    """The package's files, below a directory of its own."""
    place = directory / package.name
    place.mkdir(parents=True)
    said = subprocess.run(
        ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", place, f"{package.name}@{package.version}"],
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with tarfile.open(place / said.stdout.split()[-1]) as archive:
        archive.extractall(place, filter="data")
    return place / "package"


def led_to(asked: str, importer: str, imports: dict[str, str]) -> str:
    """The path below vendor/ that an import is about."""
    if asked.startswith("."):
        return posixpath.normpath(posixpath.join(posixpath.dirname(importer), asked))
    if asked in imports:
        return imports[asked]
    folder = max((name for name in imports if name.endswith("/") and asked.startswith(name)), key=len, default="")
    if not folder:
        raise SystemExit(f"{importer} imports {asked}, which is of no package here")
    return imports[folder] + asked.removeprefix(folder)


def closure(places: dict[str, Path]) -> list[str]:
    """Every path below vendor/ that is wanted, or imported by one that is."""

    def source(path: str) -> Path:
        name = max((name for name in places if path.startswith(f"{name}/")), key=len)
        return places[name] / path.removeprefix(f"{name}/")

    imports = import_map()
    waiting = [
        f"{package.name}/{file.relative_to(places[package.name]).as_posix()}"
        for package in PACKAGES for pattern in package.wanted for file in sorted(places[package.name].glob(pattern))
    ]  # fmt: skip
    taken: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in taken:
            continue
        taken.add(path)
        if path.endswith((".js", ".mjs")):
            waiting += [led_to(asked, path, imports) for asked in IMPORTED.findall(source(path).read_text("utf-8"))]
    return sorted(taken)


def written(places: dict[str, Path], paths: list[str]) -> dict[str, Any]:
    """The manifest of what is now in vendor/."""
    packages = []
    for package in PACKAGES:
        place = places[package.name]
        about = json.loads((place / "package.json").read_text("utf-8"))
        files = [path for path in paths if path.startswith(f"{package.name}/")] + [f"{package.name}/{LICENCE}"]
        for path in files:
            target = VENDOR / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(place / path.removeprefix(f"{package.name}/"), target)
            target.chmod(0o644)
        packages.append(
            {
                "name": package.name, "version": about["version"], "license": about["license"],
                "files": [{"path": path, "sha256": digest(VENDOR / path)} for path in sorted(files)],
            }
        )  # fmt: skip
    return {"packages": packages, "imports": import_map()}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> int:
    with tempfile.TemporaryDirectory() as work:
        places = {package.name: fetched(package, Path(work)) for package in PACKAGES}
        paths = closure(places)
        shutil.rmtree(VENDOR, ignore_errors=True)
        manifest = written(places, paths)
    (VENDOR / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")
    for package in manifest["packages"]:
        print(f"{package['name']} {package['version']} ({package['license']}): {len(package['files'])} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
