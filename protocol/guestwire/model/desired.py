"""Desired: all that is wanted of one host. What a user edits, what an apply carries, what a host keeps as revisions."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from guestwire.model.areas import Lock, MemoryArea, Queue
from guestwire.model.base import Model
from guestwire.model.events import Event
from guestwire.model.guest import Guest
from guestwire.model.images import Image, Template
from guestwire.model.networks import VirtualNet
from guestwire.model.policy import Policy
from guestwire.model.settings import HostSettings

SCHEMA = 1


class Autostart(Model):
    """`active`: guests whose mode is not off are started with the host, in their order (SM 6). `standalone`: no desktop on
    the host; one general purpose guest has the console."""

    active: bool = False
    standalone: bool = False


class Desired(Model):
    """One host's configuration. `base_revision` is the active revision that it was edited from, `base_topology` the
    fingerprint of the machine it was made for. `host_cpuset`: CPUs kept for the host; None: all that no rt guest has."""

    base_revision: Annotated[int, Field(ge=0)] | None = None
    base_topology: Annotated[str, StringConstraints(max_length=128)] | None = None
    host_cpuset: Annotated[str, StringConstraints(max_length=1024)] | None = None
    policy: Policy = Policy()
    images: Annotated[tuple[Image, ...], Field(max_length=256)] = ()
    templates: Annotated[tuple[Template, ...], Field(max_length=256)] = ()
    guests: Annotated[tuple[Guest, ...], Field(max_length=256)] = ()
    areas: Annotated[tuple[MemoryArea, ...], Field(max_length=1024)] = ()
    events: Annotated[tuple[Event, ...], Field(max_length=4096)] = ()
    queues: Annotated[tuple[Queue, ...], Field(max_length=1024)] = ()
    locks: Annotated[tuple[Lock, ...], Field(max_length=1024)] = ()
    networks: Annotated[tuple[VirtualNet, ...], Field(max_length=64)] = ()
    autostart: Autostart = Autostart()
    settings: HostSettings = HostSettings()

    def guest(self, reference: str) -> Guest | None:
        """The guest with that identifier, else with that name."""
        by_id = next((guest for guest in self.guests if guest.id == reference), None)
        return by_id or next((guest for guest in self.guests if guest.name == reference), None)


class Project(Model):
    """A saved configuration of one or more hosts: the System Manager's .hwc (SM 2.5)."""

    name: Annotated[str, StringConstraints(max_length=255)] = ""
    comments: Annotated[str, StringConstraints(max_length=4096)] = ""
    hosts: dict[str, Desired] = {}


def canonical(model: Model) -> Mapping[str, Any]:
    """A model as plain values, without what is at its default: two documents that mean the same are the same here."""
    return model.model_dump(mode="json", exclude_defaults=True, exclude={"base_revision"})


def content_hash(desired: Desired) -> str:
    """sha256 in hex over what a document means (not over `base_revision`)."""
    return hashlib.sha256(canonical_text(desired).encode()).hexdigest()


def canonical_text(model: Model) -> str:
    return json.dumps(canonical(model), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
