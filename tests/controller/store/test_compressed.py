"""Documents as the database has them."""

from hypothesis import given
from hypothesis import strategies as st

from guestwire.controller.store.compressed import pack_model, pack_text, unpack_model, unpack_text
from guestwire.model.desired import Desired
from guestwire.model.guest import Guest


@given(st.text())
def test_a_text_is_the_same_again(text):
    assert unpack_text(pack_text(text)) == text


def test_a_model_is_the_same_again_and_small():
    desired = Desired(guests=tuple(Guest(name=f"g{number}", title="a guest like others") for number in range(100)))
    packed = pack_model(desired)
    assert unpack_model(Desired, packed) == desired
    assert len(packed) < 1000
