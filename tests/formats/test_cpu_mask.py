import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.formats.cpu_mask import parse_mask
from guestwire.model.cpuset import from_libvirt
from guestwire.model.errors import GuestwireError


@pytest.mark.parametrize(("mask", "cpus"), [
    ("0x80", "7"), ("0b1000", "3"), ("0X0001000", "12"), ("0B1011", "0-1,3"), (" 0xff ", "0-7"), ("0b1111_0000", "4-7"),
    ("0xFFFF_FFFF_0000_0000", "32-63"),
])  # fmt: skip
def test_a_mask_means_cpus(mask, cpus):
    assert parse_mask(mask) == cpus


@pytest.mark.parametrize(
    "text", ["80", "1000", "0", "", "0x", "0b", "0b12", "x80", "80h", "0x0", "-0x1", "3-4", "0x" + "f" * 9999, "٣"]
)
def test_what_is_no_mask_or_could_be_two_is_refused(text):
    with pytest.raises(GuestwireError) as caught:
        parse_mask(text)
    assert (caught.value.code, caught.value.field) == ("CPUSET-SYNTAX", "cpu_mask")
    assert len(caught.value.message) < 200


@given(st.sets(st.integers(0, 300), min_size=1))
def test_each_bit_is_a_cpu(cpus):
    bits = sum(1 << cpu for cpu in cpus)
    assert from_libvirt(parse_mask(hex(bits))) == from_libvirt(parse_mask(bin(bits))) == cpus


@pytest.mark.parametrize("digits", ["80", "1000"])
def test_plain_digits_are_told_from_nonsense(digits):
    with pytest.raises(GuestwireError, match=f"write 0x{digits} or 0b"):
        parse_mask(digits)
