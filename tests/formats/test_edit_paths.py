import pytest

from guestwire.formats.edit_paths import NOUNS, SYSTEM_MANAGER_KEYS, Edit, locate, parse_edit
from guestwire.formats.project_toml import KEYED
from guestwire.model.guest import Guest


@pytest.mark.parametrize(("text", "path", "operator", "value"), [
    ("a=1", ("a",), "=", "1"),
    ("a.b=", ("a", "b"), "=", ""),
    ("a = b=c ", ("a",), "=", " b=c "),
    ("a+=1", ("a",), "+=", "1"),
    ("a-=1", ("a",), "-=", "1"),
    ("a-", ("a",), "-", ""),
    ("a.0-", ("a", "0"), "-", ""),
    ("'a.b'.\"c d\".e=1", ("a.b", "c d", "e"), "=", "1"),
    ('a."b-"=1', ("a", "b-"), "=", "1"),
    ('a."b-"-', ("a", "b-"), "-", ""),
    ('a."b"+=1', ("a", "b"), "+=", "1"),
    ("a-b.c-=1", ("a-b", "c"), "-=", "1"),
    ('""=1', ("",), "=", "1"),
    ("a=\n=", ("a",), "=", "\n="),
])  # fmt: skip
def test_an_edit_has_a_path_an_operator_and_a_value(text, path, operator, value):
    assert parse_edit(text) == Edit(path, operator, value)


@pytest.mark.parametrize(
    "text", ["", "=", "=1", "a", "a.", ".a=1", "a..b=1", "a+", "a b=1", 'a"b"=1', '"a=1', "-", "a.=1"]
)
def test_what_is_no_edit_is_refused(text):
    with pytest.raises(ValueError, match="write"):
        parse_edit(text)


def test_every_keyed_part_has_a_noun():
    assert set(NOUNS.values()) == set(KEYED)


def test_the_system_managers_keys_are_no_fields_of_ours():
    assert not set(SYSTEM_MANAGER_KEYS) & set(Guest.model_fields)
    assert set(SYSTEM_MANAGER_KEYS.values()) <= set(Guest.model_fields)


def test_a_guest_is_found_by_identifier_before_name():
    document = {"hosts": {"h": {"guests": {"GUEST0001": {}, "b": {"id": "GUEST0001"}}}}}
    assert locate(document, "h", ("guest", "GUEST0001", "vcpus")).place == ("hosts", "h", "guests", "b", "vcpus")
    target = locate(document, "h", ("guests", "b", "Cpu_Mask"))
    assert (target.place, target.field, target.mask) == (("hosts", "h", "guests", "b", "cpuset"), "cpuset", True)
