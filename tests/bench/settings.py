"""How long a bench runs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """`runs` of everything; `quick` cuts every load to a third and every count with it, for a look and not for a figure."""

    runs: int = 5
    quick: bool = False

    def seconds(self, full: float) -> float:
        return full / 3 if self.quick else full

    def count(self, full: int) -> int:
        return max(1, full // 4) if self.quick else full
