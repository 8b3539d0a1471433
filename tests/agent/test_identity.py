"""The files a host lives by, sound and otherwise."""

from pathlib import Path

import pytest
from site_files import SiteFiles, site_files

from guestwire.agent import identity
from guestwire.agent.config import BrokerSection
from guestwire.model.errors import GuestwireError
from guestwire.protocol.signing import SigningKey
from guestwire.protocol.trust import Trust


@pytest.fixture
def site(tmp_path: Path) -> SiteFiles:
    return site_files(tmp_path, 0)


def code_of(caught: pytest.ExceptionInfo[GuestwireError]) -> str:
    return caught.value.code


def test_a_key_that_others_may_read_is_refused(site: SiteFiles) -> None:
    key = site.folder / "h1.key"
    assert identity.host_key(key).public.raw.hex() == site.document.signers[0].public_key
    key.chmod(0o640)
    with pytest.raises(GuestwireError) as caught:
        identity.host_key(key)
    assert code_of(caught) == "KEY-FILE-INVALID"
    assert "chmod 600" in caught.value.message


@pytest.mark.parametrize("content", [b"", b"guestwire-key 1 private\ned25519 00\n", b"\xff\xfe"])
def test_a_damaged_key_is_named_and_never_quoted(site: SiteFiles, content: bytes) -> None:
    key = site.folder / "h1.key"
    key.write_bytes(content)
    with pytest.raises(GuestwireError) as caught:
        identity.host_key(key)
    assert code_of(caught) == "KEY-FILE-INVALID"
    assert str(key) in caught.value.message


def test_a_missing_file_is_named(site: SiteFiles) -> None:
    (site.folder / "trust").unlink()
    with pytest.raises(GuestwireError, match="No such file"):
        identity.trust(site.settings().trust)


def test_a_trust_document_of_another_root_is_refused(site: SiteFiles) -> None:
    forged = SiteFiles(site.folder, SigningKey.generate(), site.operator, site.document, site.config)
    forged.seal(site.document)
    with pytest.raises(GuestwireError) as caught:
        identity.trust(site.settings().trust)
    assert code_of(caught) == "TRUST-INVALID"


def test_a_host_that_the_document_does_not_know_is_told_so_at_start(site: SiteFiles) -> None:
    trusted = Trust(site.document)
    key = identity.host_key(site.folder / "h1.key")
    identity.check_member(trusted, key, "plant", "h1")
    for args in ((key, "plant", "h2"), (key, "mill", "h1"), (SigningKey.generate(), "plant", "h1")):
        with pytest.raises(GuestwireError) as caught:
            identity.check_member(trusted, *args)
        assert code_of(caught) == "TRUST-INVALID"


def test_the_password_is_the_first_line_of_its_file(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.touch(mode=0o600)
    secret.write_text("umbra ladle seven\nbattery\n")
    section = BrokerSection(username="h1", password_file=secret)
    assert identity.password(section) == "umbra ladle seven"
    assert identity.password(BrokerSection()) is None
    secret.chmod(0o644)
    with pytest.raises(GuestwireError) as caught:
        identity.password(section)
    assert code_of(caught) == "KEY-FILE-INVALID"
    assert "ladle" not in repr(caught.value)
