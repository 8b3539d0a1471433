"""Secrets are in no representation of what holds them: a traceback with local variables, or a debugger, shows those."""

from pathlib import Path

import pytest
from site_files import site_files

from guestwire.agent import compose
from guestwire.agent.config import load
from guestwire.link.transport import Options
from guestwire.model.errors import GuestwireError
from guestwire.protocol.executor import Executor
from guestwire.protocol.operations import BY_NAME
from guestwire.protocol.signing import SigningKey

HORSE = "correct-horse"


def test_a_key_is_named_by_its_id_and_no_more(tmp_path: Path) -> None:
    key = SigningKey(bytes(range(32)))
    who = compose.host_identity(site_files(tmp_path, 0).settings())
    executor = Executor("plant", "h1", BY_NAME, who.trust, key)
    for shown in (repr(key), str(key), repr(executor), f"{[key]}"):
        assert key.id.hex() in shown
        assert key.raw.hex() not in shown
        assert repr(key.raw)[2:20] not in shown
    assert who.key.raw.hex() not in repr(who)


def test_a_password_is_not_in_the_options_of_a_connection() -> None:
    assert HORSE not in repr(Options("b", 1, "c", username="h1", password=HORSE))


@pytest.mark.parametrize(
    "wrong", [f'urls = ["mqtts://eve:{HORSE}@b"]', f'password = "{HORSE}"\nurls = ["mqtts://eve:{HORSE}@b"]']
)
def test_a_setting_that_holds_a_password_by_mistake_is_refused_without_it(tmp_path: Path, wrong: str) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(f'[host]\nid = "h1"\nsite = "plant"\n[broker]\n{wrong}\n')
    with pytest.raises(GuestwireError) as caught:
        load(file)
    error: BaseException | None = caught.value
    while error is not None:
        assert HORSE not in f"{error!r} {error} {getattr(error, 'detail', None)}"
        error = error.__cause__
