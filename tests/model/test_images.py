"""Images of the registry."""

import pytest
from pydantic import ValidationError

from guestwire.model.guest import DirectBoot
from guestwire.model.images import Image


@pytest.mark.parametrize("cmdline", ["a\nb", "a\x00", "\x7f", "a\ufffe"])
def test_a_command_line_holds_what_a_domain_can_carry(cmdline: str) -> None:
    """The same for an image and for a guest of its own kernel: one becomes the other."""
    with pytest.raises(ValidationError, match="cmdline"):
        Image(id="i", os_type="linux", path="/k", cmdline=cmdline)
    with pytest.raises(ValidationError, match="cmdline"):
        DirectBoot(kernel="/k", cmdline=cmdline)
    assert Image(id="i", os_type="linux", path="/k", cmdline='console=ttyS0 é "x"').cmdline
