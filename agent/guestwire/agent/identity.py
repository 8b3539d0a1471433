"""Reads the files a host lives by: its key, the site's root, the trust document, a password."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from guestwire.agent.config import BrokerSection, TrustSection
from guestwire.agent.secret_files import read_secret
from guestwire.model.errors import GuestwireError
from guestwire.protocol.key_files import parse_private, parse_public
from guestwire.protocol.signing import SigningKey, VerifyingKey
from guestwire.protocol.trust import Trust
from guestwire.protocol.trust_file import is_behind, unseal

_K = TypeVar("_K", SigningKey, VerifyingKey)


def host_key(path: Path) -> SigningKey:
    """The host's private key. Raises KEY-FILE-INVALID, also when others may read the file."""
    text = read_secret(path)
    return _named(path, lambda: parse_private(text))


def trust(section: TrustSection) -> Trust:
    """The trust document in the settings' file. Raises TRUST-INVALID, KEY-FILE-INVALID."""
    root_text = _text(section.root_key)
    root = _named(section.root_key, lambda: parse_public(root_text))
    try:
        data = section.document.read_bytes()
    except OSError as err:
        raise GuestwireError("TRUST-INVALID", f"{section.document}: {err.strerror}") from err
    return unseal(data, root)


def newest(configured: Trust, kept: Path) -> Trust:
    """The configured document, or the one that was taken up since, where that is newer and good."""
    if not configured.roots:
        return configured
    try:
        found = unseal(kept.read_bytes(), VerifyingKey(configured.roots[0]))
    except (OSError, GuestwireError):
        return configured
    return found if ahead(found, configured) else configured


def ahead(kept: Trust, configured: Trust) -> bool:
    """Whether the document that was taken up counts, and not the one of the settings: one with older members is behind it,
    whatever its own revision."""
    return is_behind(configured.revision, kept.revision) and kept.site == configured.site


def check_member(trusted: Trust, key: SigningKey, site: str, host: str) -> None:
    """Raises TRUST-INVALID unless the document is this site's and knows this host by this key: otherwise every answer
    of the host would be refused, and it is better said here."""
    if trusted.site != site:
        raise GuestwireError("TRUST-INVALID", f"The trust document is of the site {trusted.site}, not {site}.")
    if trusted.speaks_for_host(key.id, host, None) is None:
        raise GuestwireError(
            "TRUST-INVALID", f"The trust document does not know this host's key as host:{host}.",
            detail={"key": key.id.hex()},
        )  # fmt: skip


def password(section: BrokerSection) -> str | None:
    """The broker's password, where one is set. Raises KEY-FILE-INVALID, also when others may read the file."""
    if section.password_file is None:
        return None
    lines = read_secret(section.password_file).splitlines()
    return lines[0] if lines else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        why = err.strerror if isinstance(err, OSError) and err.strerror else str(err)
        raise GuestwireError("KEY-FILE-INVALID", f"{path}: {why}", detail={"file": str(path)}) from err


def _named(path: Path, parse: Callable[[], _K]) -> _K:
    try:
        return parse()
    except GuestwireError as err:
        raise GuestwireError(err.code, f"{path}: {err.message}", detail={"file": str(path)}) from err
