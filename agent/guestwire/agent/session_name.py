"""The name of the host's MQTT session (client id): the host's id and something that nobody can guess.

A broker binds no client id to a user: who knows that of a host could take its session over with any certificate of the site,
and the host would take him for a second one of its name. It is kept, for the session outlives connections and restarts; a
copy of the disk has the same one, so that a cloned host is noticed as soon as both connect.
"""

import secrets
from pathlib import Path

from guestwire.agent.services.generated_file import write_file
from guestwire.model.errors import GuestwireError

NAME = "mqtt-session"
_BYTES = 4


def session_name(host: str, state_dir: Path) -> str:
    """The client id, made on first use. Raises SYSTEM-REFUSED where it cannot be kept."""
    path = state_dir / NAME
    try:
        kept = path.read_text(encoding="ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        kept = ""
    except OSError as err:
        raise GuestwireError("SYSTEM-REFUSED", f"{path}: {err.strerror}") from err
    if len(kept) != 2 * _BYTES or not kept.isalnum():
        kept = secrets.token_hex(_BYTES)
        try:
            write_file(path, f"{kept}\n".encode())
        except OSError as err:
            raise GuestwireError("SYSTEM-REFUSED", f"{path}: {err.strerror}") from err
    return f"{host}-{kept}"
