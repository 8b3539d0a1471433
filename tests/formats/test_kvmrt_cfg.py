"""KVM-RT's configuration file, compared with Python's configparser, which has its grammar."""

import configparser
import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_values import desired_values

from guestwire.formats import ini_text
from guestwire.formats.kvmrt_cfg import FIELDS, dump, load, not_carried
from guestwire.model.desired import Desired
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Disk, Guest
from guestwire.model.policy import Policy

ONE = "2f3f21b3-28a9-4a22-93a5-4cd1e7b2c4a1"
TWO = "7a0d5b5e-0d5c-4f0c-8f56-0c9c4c4a9f02"

EXAMPLE = f"""\
# the machine in the lab
[{ONE}]
name = RedHawk-RT
title = Real-time guest
description = RedHawk 8.2
comments = Runs the control loop.
    Shielded; do not move.

    Ask before rebooting.
nr_vcpus = 2
cpu_topology = 1,2,1
cpuset = c1-c3, 12
rt = True
rt_memory = AUTO
numatune = 0,2-3
hide_kvm: off
autostart = Yes
; disabled is not in the manual's list
disabled = 0

[{TWO.upper()}]
NAME = Windows
cpu_topology = auto
cpuset =
numatune =
"""

GUESTS = (
    Guest(
        name="RedHawk-RT", uuid=ONE, kind="rt", title="Real-time guest", description="RedHawk 8.2",
        comments="Runs the control loop.\nShielded; do not move.\n\nAsk before rebooting.", vcpus=2, topology=(1, 2, 1),
        cpuset="c1-c3,12", numatune="0,2-3", autostart="headless",
    ),
    Guest(name="Windows", uuid=TWO, numatune=""),
)  # fmt: skip


def issues(text: str) -> dict[str, str]:
    with pytest.raises(GuestwireError) as caught:
        load(text)
    assert caught.value.code == "DOCUMENT-INVALID"
    return {issue["path"]: issue["message"] for issue in caught.value.detail["issues"]}


def test_a_file_in_kvm_rts_style_is_read():
    assert load(EXAMPLE) == Desired(guests=GUESTS)


def test_the_written_file_has_every_attribute():
    text = dump(Desired(guests=GUESTS))
    first = text.split("\n[")[0]
    assert all(f"\n{attribute} = " in first for attribute in FIELDS)
    assert "comments = Runs the control loop.\n    Shielded; do not move.\n\n    Ask before rebooting.\n" in first
    assert load(text) == Desired(guests=GUESTS)


@pytest.mark.parametrize("word", ["true", "ON", "Yes", "1"])
def test_yes_is_said_in_four_words(word):
    assert load(f"[{ONE}]\nname=a\nrt={word}\nrt_memory={word}").guests[0] == Guest(
        name="a", uuid=ONE, kind="rt", lock_memory=True
    )


@pytest.mark.parametrize("word", ["false", "OFF", "No", "0", ""])
def test_no_is_said_in_four_words_and_by_nothing(word):
    assert load(f"[{ONE}]\nname=a\nrt={word}\nhide_kvm={word}").guests[0] == Guest(name="a", uuid=ONE)


def test_what_is_not_there_has_its_default():
    assert load(f"[{ONE}]\nname = a").guests == (Guest(name="a", uuid=ONE),)
    assert load("") == Desired()


MISTAKES = [
    # lines of a section -> attribute, part of the message
    ("name = a\nrt = maybe", "rt", "true, false, on, off"),
    ("name = a\nrt_memory = maybe", "rt_memory", "auto, true or false"),
    ("name = a\nnr_vcpus = two", "nr_vcpus", "a whole number"),
    ("name = a\nnr_vcpus = 0", "nr_vcpus", "at least 1"),
    ("name = a\ncpu_topology = 2,2", "cpu_topology", "sockets,cores,threads"),
    ("name = a\ncpu_topology = 2,2,0", "cpu_topology.2", "at least 1"),
    ("name = a\ncpuset = 0-x", "cpuset", "is not an item of a CPU set"),
    ("name = a\ncpuset = n1-c2", "cpuset", "different prefixes"),
    ("name = a\nnumatune = n0", "numatune", "is not an item"),
    ("name = a\nnumatune = 0,^1", "numatune", "an ID set"),
    ("name = a\ntitle = x\n  y", "title", "must be one line of text, without control characters, not "),
    ("rt = true", "name", "is missing"),
    ("name =", "name", "is missing"),
    ("name = a\ncpu_set = 3", "cpu_set", "did you mean cpuset?"),
    ("name = a\nrt = 1\nRT = 0", "rt", "stands there twice"),
]


@pytest.mark.parametrize(("lines", "attribute", "message"), MISTAKES)
def test_a_mistake_has_its_section_and_attribute(lines, attribute, message):
    ((path, text),) = issues(f"[{ONE}]\n{lines}\n").items()
    assert path == f"{ONE}.{attribute}"
    assert message in text


def test_every_mistake_is_told():
    sections = [
        f"[{number:08x}{ONE[8:]}]\n{lines.replace('name = a', f'name = a{number}')}\n"
        for number, (lines, *_) in enumerate(MISTAKES)
    ]
    text = f"early = 1\n{''.join(sections)}[vm]\nname = b\n[{ONE}]\nname = c\nnonsense\n[{ONE}]\n[{TWO}]\nname = c\n"
    found = issues(text)
    assert len(found) == len(MISTAKES) + 5 - 1  # name a and name c stand there again and again
    assert "is the name of" in " ".join(found.values())
    assert {"", "vm", ONE, f"{TWO}.name"} <= set(found)


def test_known_guests_keep_what_the_file_does_not_say():
    base = Desired(
        policy=Policy(dynamic_cpu=False),
        guests=(
            Guest(name="old", uuid=ONE, kind="gp_comm", memory_mib=4096, disks=(Disk(path="/a.qcow2"),), cpuset="3", autostart="console"),
            Guest(name="other", uuid=None),
        ),
    )  # fmt: skip
    made = load(f"[{ONE}]\nname = new\nautostart = on\n[{TWO}]\nname = two\n", base)
    assert made.policy == base.policy
    assert made.guests == (
        Guest(
            name="new", uuid=ONE, kind="gp_comm", memory_mib=4096, disks=(Disk(path="/a.qcow2"),), autostart="console"
        ),
        base.guests[1],
        Guest(name="two", uuid=TWO),
    )
    assert load(f"[{ONE}]\nname = new\nrt = on\n", base).guests[0].kind == "rt"


def test_what_the_format_does_not_carry_is_told():
    assert not_carried(Desired(guests=GUESTS)) == ()
    rich = Guest(
        name="a",
        uuid=ONE,
        kind="gp_comm",
        memory_mib=64,
        autostart="console",
        comments="a\n  # b",
        cpuset=" 3",
        disks=(Disk(),),
    )
    assert not_carried(Desired(host_cpuset="0", guests=(rich,))) == (
        "host_cpuset", "guests.a.memory_mib", "guests.a.disks", "guests.a.comments", "guests.a.kind", "guests.a.autostart",
        "guests.a.cpuset",
    )  # fmt: skip


def test_guests_without_a_section_to_be_in_are_refused():
    with pytest.raises(GuestwireError) as caught:
        dump(Desired(guests=(Guest(name="a"), Guest(name="a", uuid=ONE), Guest(name=" ", uuid=ONE))))
    assert [issue["path"] for issue in caught.value.detail["issues"]] == [
        "guests. .name", "guests. .uuid", "guests.a.name", "guests.a.uuid",
    ]  # fmt: skip


@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(desired_values())
def test_what_the_format_carries_comes_back(desired):
    unlike_text = {guest.uuid for guest in desired.guests if guest.uuid}
    guests = {guest.uuid: guest for guest in desired.guests if guest.uuid in unlike_text}
    guests = {ini_text.carried(guest.name): guest for guest in guests.values() if guest.name.strip()}
    desired = Desired(guests=tuple(guests.values()))
    try:
        text = dump(desired)
        made = load(text)
    except GuestwireError as err:  # a cpuset or numatune that is none: of that the model knows nothing
        assert {issue["path"].rpartition(".")[2] for issue in err.detail["issues"]} <= {"cpuset", "numatune"}  # noqa: PT017
        return
    if not not_carried(desired):
        assert made == desired
    assert load(dump(made)) == made
    assert not_carried(made) == ()


LINES = st.lists(
    st.sampled_from(
        [f"[{ONE}]", "[b]", "name = a", "rt: on", "  more", "", "# c", " ; d", "x", "= y", "[", "[]", "    [c]", "k ="]
    ),
    max_size=12,
)


@given(LINES)
def test_texts_are_read_as_configparser_reads_them(lines):
    text = "\n".join(lines)
    parser = configparser.RawConfigParser(default_section="\0")
    ours = ini_text.read(text)
    try:
        parser.read_string(text)
    except configparser.Error:
        assert ours.mistakes
        return
    theirs = {name: {key: value.strip() for key, value in parser[name].items()} for name in parser.sections()}
    assert ours.sections == theirs
    assert not ours.mistakes


@settings(max_examples=150)
@given(
    st.integers(0, len(EXAMPLE)), st.integers(0, 40), st.text(max_size=8) | st.sampled_from(["\n", "[", "]", "=", " "])
)
def test_a_mutated_file_is_read_or_refused(start, length, inserted):
    with contextlib.suppress(GuestwireError):
        load(EXAMPLE[:start] + inserted + EXAMPLE[start + length :])
