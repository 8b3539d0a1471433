"""The rules that the dashboard's files keep: their size, their names, what is in none of them."""

import re
from pathlib import Path

WEB = Path(__file__).parents[2] / "clients/guestwire/controller/web"
OURS = sorted(path for path in WEB.rglob("*") if path.is_file() and "vendor" not in path.relative_to(WEB).parts)
MODULES = [path for path in OURS if path.suffix == ".js"]
STYLES = [path for path in OURS if path.suffix == ".css"]

MODULE_LINES = 400
FUNCTION_LINES = 60
NAME = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*\.(js|css|html|svg|d\.ts)|api\.d\.ts")
DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "shared", "index"}

HTML_OF_OURS = {"views/help/help.js"}
"""It shows pages of our own documentation, which the server has made HTML of."""
NEVER = {
    r"\binnerHTML\b|\bouterHTML\b|\binsertAdjacentHTML\b|document\.write|\bunsafe(HTML|SVG|MathML|Static)\b": HTML_OF_OURS,
    r"\beval\(|\bnew Function\b|\bsetTimeout\(\s*[\"'`]": set(),
    r"\bconsole\.(log|debug|info|warn|trace)\b|\bdebugger\b|\balert\(|\bconfirm\(\s*[\"'`]|\bprompt\(": set(),
    r"https?://(?!www\.w3\.org/)[\w.-]+": set(),
    r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b": set(),
    r"\blocalStorage\b|\bsessionStorage\b": {"boot.js", "core/prefs.js", "core/keys.js", "main.js"},
}
"""In no module but these."""
COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}\b(?![^{}]*\{)|\brgba?\((?!0 0 0 /)|\bhsla?\(")
FUNCTION = re.compile(
    r"^(?P<indent> *)(?:export )?(?:default )?(?:static )?(?:async )?(?:function\*? \w+|(?:get |set |\*)?[\w#]+)\(.*\{$"
)


def name(path: Path) -> str:
    return path.relative_to(WEB).as_posix()


def test_there_are_files() -> None:
    assert len(MODULES) > 50


def test_modules_are_short_and_say_what_they_are() -> None:
    wrong = []
    for path in MODULES:
        lines = path.read_text("utf-8").splitlines()
        if len(lines) > MODULE_LINES:
            wrong.append(f"{name(path)}: {len(lines)} lines")
        if not lines or not lines[0].startswith("/**"):
            wrong.append(f"{name(path)} does not say what it is")
        wrong += [
            f"{name(path)}:{at}: a tab or a space too many"
            for at, line in enumerate(lines, 1)
            if "\t" in line or line != line.rstrip()
        ]
    assert not wrong, "\n".join(wrong)


def test_functions_are_short() -> None:
    """From a line that begins one to the line with the bracket that ends it, which has the same indent."""
    wrong = []
    for path in MODULES:
        lines = path.read_text("utf-8").splitlines()
        for at, line in enumerate(lines):
            begins = FUNCTION.match(line)
            if not begins or re.match(r" *(if|for|while|switch|catch)\b", line):
                continue
            end = next(
                (n for n, one in enumerate(lines[at:], at) if re.match(rf"{begins['indent']}}}[;,)]*$", one)), at
            )
            if end - at + 1 > FUNCTION_LINES:
                wrong.append(f"{name(path)}:{at + 1}: {end - at + 1} lines")
    assert not wrong, "\n".join(wrong)


def test_names_are_words_of_lower_case() -> None:
    wrong = [
        name(path) for path in OURS if not NAME.fullmatch(path.name) or (path.stem in DRAWERS and path.suffix == ".js")
    ]
    assert not wrong


def test_no_module_has_what_none_may() -> None:
    wrong = [
        f"{name(path)}:{text[: found.start()].count(chr(10)) + 1}: {found[0]}"
        for path in MODULES
        for text in [path.read_text("utf-8")]
        for pattern, but in NEVER.items()
        if name(path) not in but
        for found in re.finditer(pattern, text)
    ]
    assert not wrong, "\n".join(wrong)


def test_colours_are_tokens() -> None:
    """A colour that is written out is in one of the two themes only, and its contrast is nobody's. A shadow is black in both."""
    wrong = [
        f"{name(path)}:{at}: {line.strip()}"
        for path in [*STYLES, *MODULES]
        if path.name != "tokens.css"
        for at, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if COLOUR.search(line) and not re.search(r"href=|\$\{|`#|\"#[\w-]*\"", line)
    ]
    assert not wrong, "\n".join(wrong)
