"""Write the generated reference and the broker's access list: `python deploy/docs/reference/generate.py`.

A schema whose operation is gone is removed. tests/protocol/test_documents.py says when a file is stale.
"""

from pathlib import Path

from guestwire.protocol.documents import REFERENCE, documents

ROOT = Path(__file__).resolve().parents[3]


def main() -> None:
    """Write every document under the repository's root."""
    wanted = documents()
    for path, text in wanted.items():
        target = ROOT / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    for left in (ROOT / REFERENCE / "schemas").glob("*.json"):
        if left.relative_to(ROOT).as_posix() not in wanted:
            left.unlink()


if __name__ == "__main__":
    main()
