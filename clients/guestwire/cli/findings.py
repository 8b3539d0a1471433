"""What the doctor finds: one finding for each thing looked at, with what to do about it."""

from dataclasses import dataclass
from typing import Any, Literal

Level = Literal["ok", "warn", "fail", "skip"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`what` was looked at, `text` says how it is, `remedy` what to do, empty where nothing is to be done."""

    what: str
    level: Level
    text: str
    remedy: str = ""

    @property
    def said(self) -> str:
        """For people: how it is, and what to do where that is not said already."""
        if self.level not in ("warn", "fail") or not self.remedy or self.remedy in self.text:
            return self.text
        return f"{self.text.rstrip('.')}. -> {self.remedy}"

    def document(self) -> dict[str, Any]:
        """As plain values."""
        return {"check": self.what, "result": self.level, "text": self.text, "remedy": self.remedy}
