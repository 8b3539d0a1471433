"""Contexts: which site to talk to, by which path, as whom. The client's configuration file, read and checked.

    current = "plant"
    [contexts.plant]
    site = "plant"
    brokers = ["mqtts://broker.example:8883"]
    trust = "/etc/guestwire/trust"
    root = "/etc/guestwire/root.pub"
    key = "/home/eve/.config/guestwire/operator-eve.key"

Paths are relative to the file's directory; ~ is the home directory. The file is $GUESTWIRE_CONFIG, or config.toml under
guestwire in the user's configuration directory. Changing the file is `context_file`'s.
"""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError, model_validator

from guestwire.model import patterns
from guestwire.model.base import Document
from guestwire.model.errors import GuestwireError

ENVIRONMENT_FILE = "GUESTWIRE_CONFIG"
ENVIRONMENT_CONTEXT = "GUESTWIRE_CONTEXT"

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,36}$")]
BrokerUrl = Annotated[str, StringConstraints(pattern=r"^mqtts?://[^/\s@]+$", max_length=300)]
Address = Annotated[
    str, StringConstraints(pattern=r"^(\[[0-9a-fA-F:.]+\]|[^\[\]:/@\s]+)(:[0-9]{1,5})?$", max_length=300)
]
ControllerUrl = Annotated[
    str,
    StringConstraints(
        pattern=r"^(https://[^/\s@?#]+|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?)/?$", max_length=300
    ),
]
"""Without TLS on this machine alone: a token goes with every request."""
AuthorityUrl = Annotated[str, StringConstraints(pattern=r"^https://[^/\s@?#]+$", max_length=300)]
PathText = Annotated[str, StringConstraints(min_length=1, max_length=4096)]


class Context(Document):
    """One way to a site. `via` mqtt needs `brokers`; socket needs `socket` and the `host` that listens there; tcp needs the
    `address` (HOST or HOST:PORT, without a port 6000) of the listener of `host`, and what TLS needs: `ca`, `certificate` and
    `certificate_key`, whose common name is `client`; controller needs the `controller` and the `token_file` with which it is
    asked, and `key` is what approvals are signed with.

    `authority` is the site's service (`guestwire site serve`), which is asked for newer trust documents; only `ca` vouches for it.
    `client` is the user the broker knows this client by; where it is left out, the name in the key's principal
    (`operator:eve` is `eve`). `trust` and `root`: without them nothing a host says can be verified, so only reads work.
    """

    site: Slug
    via: Literal["mqtt", "socket", "tcp", "controller"] = "mqtt"
    brokers: tuple[BrokerUrl, ...] = ()
    transport: Literal["auto", "mqtt5", "aiomqtt"] = "auto"
    username: str | None = None
    password_file: PathText | None = None
    ca: PathText | None = None
    certificate: PathText | None = None
    certificate_key: PathText | None = None
    socket: PathText | None = None
    address: Address | None = None
    host: Slug | None = None
    controller: ControllerUrl | None = None
    token_file: PathText | None = None
    authority: AuthorityUrl | None = None
    trust: PathText | None = None
    root: PathText | None = None
    key: PathText | None = None
    client: Slug | None = None

    @model_validator(mode="after")
    def _path_is_complete(self) -> "Context":
        if self.via == "mqtt" and not self.brokers:
            raise ValueError("brokers: a context over mqtt needs one at least")
        if self.via == "socket" and (self.socket is None or self.host is None):
            raise ValueError("a context over a socket needs socket and host")
        if self.via == "tcp" and None in (self.address, self.host, self.ca, self.certificate, self.certificate_key):
            raise ValueError("a context over tcp needs address, host, ca, certificate and certificate_key")
        if self.via == "controller" and None in (self.controller, self.token_file):
            raise ValueError("a context of a controller needs controller and token_file")
        if self.authority is not None and None in (self.ca, self.trust):
            raise ValueError("a context with an authority needs ca, trust and root")
        for together in (("trust", "root"), ("certificate", "certificate_key")):
            if len({getattr(self, name) is None for name in together}) > 1:
                raise ValueError(f"{together[0]} and {together[1]} go together")
        return self


PATH_FIELDS = (
    "password_file", "token_file", "ca", "certificate", "certificate_key", "socket", "trust", "root", "key",
)  # fmt: skip


class _File(Document):
    """The whole file."""

    current: str | None = None
    contexts: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")], Context] = {}


class Contexts:
    """The contexts of one file; a file that is not there has none."""

    def __init__(self, path: Path, current: str | None = None, contexts: Mapping[str, Context] | None = None) -> None:
        self.path = path
        self.current = current
        self.contexts: Mapping[str, Context] = contexts or {}

    def get(self, name: str | None) -> tuple[str, Context]:
        """The context of that name, or without one the current one. Raises CONTEXT-UNKNOWN."""
        chosen = name or self.current
        if chosen is None:
            raise GuestwireError("CONTEXT-UNKNOWN", f"No context is chosen in {self.path}.")
        if chosen not in self.contexts:
            known = ", ".join(sorted(self.contexts)) or "none"
            raise GuestwireError("CONTEXT-UNKNOWN", f"There is no context {chosen!r} in {self.path} (known: {known}).")
        return chosen, self.contexts[chosen]


def default_path(environment: Mapping[str, str]) -> Path:
    """Where the configuration file is for this environment."""
    if named := environment.get(ENVIRONMENT_FILE):
        return Path(named)
    base = environment.get("XDG_CONFIG_HOME")
    home = Path(environment["HOME"]) if environment.get("HOME") else Path.home()
    return (Path(base) if base and Path(base).is_absolute() else home / ".config") / "guestwire" / "config.toml"


def load(path: Path) -> Contexts:
    """The contexts in a file, their paths absolute. Raises CONFIG-INVALID naming the file and the setting."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Contexts(path)
    except (OSError, UnicodeDecodeError) as err:
        raise GuestwireError("CONFIG-INVALID", f"{path} cannot be read: {err}") from err
    return parse(text, path)


def parse(text: str, path: Path) -> Contexts:
    """The contexts in the text of the file at `path`. Raises CONFIG-INVALID."""
    try:
        file = _File.model_validate_json(json.dumps(tomllib.loads(text), default=str))
    except tomllib.TOMLDecodeError as err:
        raise GuestwireError("CONFIG-INVALID", f"{path} is not TOML: {err}") from err
    except ValidationError as err:
        raise _invalid(err, path) from err
    base = path.absolute().parent
    contexts = {name: _absolute(context, base) for name, context in file.contexts.items()}
    return Contexts(path, file.current, contexts)


def made(name: str, values: Mapping[str, Any]) -> Context:
    """A context of that name. Raises CONFIG-INVALID naming the setting."""
    try:
        return _File.model_validate({"contexts": {name: dict(values)}}).contexts[name]
    except ValidationError as err:
        raise _invalid(err, Path(name)) from err


def _absolute(context: Context, base: Path) -> Context:
    update: dict[str, Any] = {}
    for name in PATH_FIELDS:
        value: str | None = getattr(context, name)
        if value is not None:
            update[name] = str(base / Path(value).expanduser())
    return context.model_copy(update=update)


def _invalid(err: ValidationError, path: Path) -> GuestwireError:
    """Every wrong setting; not what it is set to, which may be an address with a password in it."""
    issues = [
        {"path": ".".join(str(part) for part in item["loc"]), "message": patterns.in_words(item)}
        for item in err.errors(include_url=False, include_input=False)
    ]
    more = f" (and {len(issues) - 1} more)" if len(issues) > 1 else ""
    return GuestwireError(
        "CONFIG-INVALID",
        f"{path}: {issues[0]['path'] or 'file'}: {issues[0]['message']}{more}",
        field=issues[0]["path"] or None,
        detail={"issues": issues},
    )
