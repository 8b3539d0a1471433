"""How memory areas are written."""

from guestwire.cli.named import Row
from guestwire.cli.output import Column, View
from guestwire.cli.sizes import size_text
from guestwire.protocol.comm_models import AreaAccess, AreaView


def area_view() -> View[Row[AreaView]]:
    """The columns of memory areas."""
    return View(
        columns=(
            Column("AREA", lambda r: r.address),
            Column("KIND", lambda r: r.of.kind),
            Column("SIZE", lambda r: size_text(r.of.size), right=True),
            Column("FOR DATA", lambda r: size_text(r.of.data_size), right=True, wide=True),
            Column("REGION", lambda r: size_text(r.of.backing_size), right=True, wide=True),
            Column("INDEX", lambda r: str(r.of.index), right=True, wide=True),
            Column("GENERATION", lambda r: str(r.of.generation), right=True, wide=True),
            Column("QUEUES", lambda r: str(len(r.of.queues) or "-"), right=True),
            Column("LOCKS", lambda r: str(len(r.of.locks) or "-"), right=True),
            Column("DEFAULT", lambda r: r.of.default_access),
            Column("OTHERWISE", lambda r: _otherwise(r.of)),
        ),
        name=lambda r: r.address,
        document=Row.document,
        none="no memory areas",
    )


def area_facts(row: Row[AreaView]) -> list[tuple[str, str]]:
    """A memory area in full, but for who may do what."""
    area = row.of
    facts = [
        ("area", row.address),
        ("kind", area.kind),
        ("size", size_text(area.size)),
        ("for data", f"{size_text(area.data_size)}, in front of queues and locks"),
        ("region", f"{size_text(area.backing_size)}, generation {area.generation}"),
        ("index", f"{area.index} (acpi-index of its devices)"),
        ("default access", area.default_access),
        ("queues", ", ".join(area.queues) or "none"),
        ("locks", ", ".join(area.locks) or "none"),
    ]
    return facts if row.verified else [*facts, ("verified", "no: nobody signed this")]


def access_view() -> View[AreaAccess]:
    """The columns of who may do what with an area."""
    return View(
        columns=(
            Column("WHO", lambda a: a.name),
            Column("ACCESS", lambda a: a.access),
            Column("ATTACHED", lambda a: "yes" if a.attached else "no", style=lambda a: "good" if a.attached else None),
        ),
        name=lambda a: a.name,
        document=lambda a: a.model_dump(),
    )


def _otherwise(area: AreaView) -> str:
    others = [f"{one.name}={one.access}" for one in area.access if one.access != area.default_access]
    return " ".join(others) or "-"
