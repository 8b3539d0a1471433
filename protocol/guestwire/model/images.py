"""Images and templates: what guests are made from. The registries of the System Manager's os.xml and images.xml (SM 4.10)."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from guestwire.model.base import Model
from guestwire.model.guest import AbsolutePath, GuestKind

RegistryId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class Image(Model):
    """An operating system to boot. `os_type` is the type of its template (TEMPLATE-TYPE-MISMATCH). Sizes in MiB.

    `default_memory_mib`: what a guest of this image has that a project document gives none (`formats.image_memory`); 0: what
    guests have otherwise. `auto_smp` (SM 4.10, _SMPAUTO) is kept for the registries' sake: a guest's vcpus are its own.

    `path` is a kernel for a direct boot (with `initrd` and `cmdline`) or a disk image (`format`). `base_address` is where an
    image that cannot be moved wants its memory: checked on simulated hosts, advisory under KVM (SM 7.1).
    """

    id: RegistryId
    name: Annotated[str, StringConstraints(max_length=255)] = ""
    os_type: Annotated[str, StringConstraints(max_length=32)]
    path: AbsolutePath
    format: Literal["kernel", "qcow2", "raw"] = "kernel"
    initrd: AbsolutePath | None = None
    cmdline: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f\ufffe\uffff]*$", max_length=2048)] = ""
    arch: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,16}$")] = "x86_64"
    min_memory_mib: Annotated[int, Field(ge=0)] = 0
    default_memory_mib: Annotated[int, Field(ge=0)] = 0
    align_mib: Annotated[int, Field(ge=1)] = 1
    base_address: Annotated[int, Field(ge=0)] | None = None
    shm_as_heap: bool = False
    auto_smp: bool = False


class Template(Model):
    """A kind of guest to choose from. `image_type` is the `os_type` its images have; `files` are folders whose files come
    into the guest's folder (os.xml SubFolders). `has_rt`, `has_comm`: whether rt guests and gp_comm guests can be of it.
    `has_analyzer` and `auto_smp` are kept for the registries' sake."""

    id: RegistryId
    name: Annotated[str, StringConstraints(max_length=255)] = ""
    os_type: Annotated[str, StringConstraints(max_length=32)]
    kind: GuestKind = "rt"
    image_type: Annotated[str, StringConstraints(max_length=32)]
    has_rt: bool = True
    has_comm: bool = True
    has_analyzer: bool = False
    auto_smp: bool = False
    files: tuple[str, ...] = ()
