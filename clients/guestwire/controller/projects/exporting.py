"""Configurations in the formats of other tools, as files. Pure."""

from guestwire.formats import kvmrt_cfg, project_toml
from guestwire.model.base import Model
from guestwire.model.desired import Desired, Project
from guestwire.model.settling import settle
from guestwire.model.topology import Topology
from guestwire.sdk import interchange, registries
from guestwire.sdk.interchange import Format


class File(Model):
    """A file. `name` is fit to be one's name."""

    name: str
    text: str


class Exported(Model):
    """A configuration in a format. `not_carried`: what that format cannot say."""

    format: Format
    files: tuple[File, ...]
    not_carried: tuple[str, ...] = ()


def exported(
    form: Format,
    desired: Desired,
    host: str,
    active: Desired,
    topology: Topology | None,
    text: str | None = None,
) -> Exported:
    """One host's configuration in a format. `active`: what the host has, which gives the identifiers that some formats cannot do
    without; `text`: the project file that it is from. Raises NAME-INVALID, NAME-DUP, and what a cpuset is refused for."""
    if form == "guestwire":
        whole = text if text is not None else project_toml.dump(Project(hosts={host: desired}))
        return Exported(format=form, files=(File(name=f"{host}.toml", text=whole),))
    if form == "templates":
        return Exported(format=form, files=(File(name="templates.toml", text=registries.dump(desired)),))
    settled = settle(desired, active, host=host, disk_root=None)
    if form == "kvmrt":
        file = File(name="kvmrt.cfg", text=kvmrt_cfg.dump(settled))
        return Exported(format=form, files=(file,), not_carried=tuple(kvmrt_cfg.not_carried(desired)))
    made = interchange.domains(settled, topology)
    return Exported(format=form, files=tuple(File(name=f"{name}.xml", text=xml) for name, xml in made.items()))
