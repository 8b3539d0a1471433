"""Events from Python: kinds, waits, timeouts, rights, between real processes."""

import select
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.guest_peers import ANSWER_S, Peers

from guestwire.guest.connection import Connection
from guestwire.guest.errors import GuestError
from guestwire.guest.events import Event, wait_any
from guestwire.protocol import comm_models as w

pytest_plugins = ("tests.support.guest_fixtures",)


def until_waited_for(peers: Peers, name: str, count: int) -> None:
    end = time.monotonic() + ANSWER_S
    while len(peers.asked("event-show", w.NameRef(name=name)).waiters) < count:
        assert time.monotonic() < end
        time.sleep(0.01)


def end_of_wait(event: Event, begun: threading.Event, timeout: float | None = None) -> str:
    """The code that ended a wait; "set" when nothing but the event did."""
    begun.set()
    try:
        event.wait(timeout)
    except GuestError as err:
        return err.code
    return "set"


def until_asleep(pid: int) -> None:
    end = time.monotonic() + ANSWER_S
    while " S " not in Path(f"/proc/{pid}/stat").read_text():
        assert time.monotonic() < end
        time.sleep(0.01)


def waited(event: Event) -> bool:
    return event.wait(ANSWER_S)


@pytest.mark.parametrize(("guest", "name"), [("a", "auto"), ("", "native")])
def test_an_auto_event_lets_one_go(peers: Peers, guest: str, name: str) -> None:
    with peers.all(guest, guest or "") as (one, other):
        signals, waits = one.event_open(name), other.event_open(name)
        assert (waits.native, waits.manual, waits.existed) == (name == "native", False, True)
        assert waits.wait(0) is False
        signals.set()
        signals.set()
        assert signals.is_set()
        assert waits.wait() is True
        assert waits.wait(0) is False
        signals.set()
        signals.reset()
        assert not signals.is_set()
        assert waits.wait(0.01) is False


@pytest.mark.parametrize(("guest", "name"), [("a", "manual"), ("", "native-manual")])
def test_a_manual_event_lets_all_go_until_it_is_reset(peers: Peers, guest: str, name: str) -> None:
    with peers.all(guest, "", "") as (one, *others), ThreadPoolExecutor(2) as pool:
        signals = one.event_open(name)
        waits = [other.event_open(name) for other in others]
        assert signals.manual
        answers = [pool.submit(waited, event) for event in waits]
        signals.set()
        assert [answer.result(ANSWER_S) for answer in answers] == [True, True]
        assert waits[0].wait(0) is True
        signals.reset()
        assert not signals.is_set(), "whose answer comes after the reset"
        assert waits[0].wait(0) is False


def test_a_guest_wakes_another_process(peers: Peers) -> None:
    waiter = """
        event = gw.event_open("auto")
        print("waits")
        print(event.wait(20))
        gw.event_open("auto").set()
    """
    with peers.open("a") as a, peers.child("b", waiter) as child:
        event = a.event_open("auto")
        assert child.line() == "waits"
        until_waited_for(peers, "auto", 1)
        event.set()
        assert child.line() == "True"
        assert event.wait(ANSWER_S) is True


def test_any_of_several_kinds(peers: Peers) -> None:
    with peers.open() as host, peers.open("a") as a:
        auto, native, manual = (host.event_open(name) for name in ("auto", "native", "manual"))
        assert wait_any([auto, native, manual], 0) is None
        native.set()
        assert wait_any([auto, native, manual], 1.0) is native
        far_auto, far_manual = a.event_open("auto"), a.event_open("manual")
        far_manual.set()
        far_auto.set()
        assert far_auto.is_set()
        assert wait_any([manual, auto], 1.0) in (manual, auto)
        far_manual.reset()
        far_auto.reset()
        assert not far_auto.is_set()
        assert wait_any([auto, manual, native], 0.6) is None, "longer than a slice"
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(wait_any, [native, auto])
            until_waited_for(peers, "auto", 1)
            far_auto.set()
            assert answer.result(ANSWER_S) is auto
        with pytest.raises(ValueError, match="1 to 16"):
            wait_any([])
        auto.close()
        with pytest.raises(GuestError, match="GW_CLOSED"):
            wait_any([auto, native], 0)


@pytest.mark.parametrize("guest", ["a", ""], ids=["arbitrated", "native"])
def test_an_event_is_set_with_the_wait_for_its_answer(peers: Peers, guest: str) -> None:
    there, back = ("auto", "manual") if guest else ("native", "native-manual")
    with peers.all(guest, guest) as (one, other):
        asks, answered = one.event_open(there), one.event_open(back)
        asked, answers = other.event_open(there), other.event_open(back)
        with ThreadPoolExecutor(1) as pool:
            reply = pool.submit(asked.wait, ANSWER_S)
            assert asks.set_and_wait(answered, 0.6) is False, "longer than a slice; set once"
            assert reply.result(ANSWER_S) is True
            assert asked.wait(0) is False
            went = pool.submit(asks.set_and_wait, answered)
            assert asked.wait(ANSWER_S) is True
            answers.set()
            assert went.result(ANSWER_S) is True
        assert asks.set_and_wait(answered, 0) is True, "the answer is there before"
        assert asked.wait(0) is True


def test_what_may_not_be_set_or_waited_for_is_neither(peers: Peers) -> None:
    with peers.open() as host, peers.open("a") as a:
        auto, native = host.event_open("auto"), host.event_open("native")
        with pytest.raises(GuestError) as caught:
            auto.set_and_wait(native)
        assert caught.value.code == "GW_DENIED"
        with pytest.raises(GuestError) as caught:
            native.set_and_wait(a.event_open("auto"))
        assert caught.value.code == "GW_INVALID"
        assert native.wait(0) is False
        closed = host.event_open("native")
        closed.close()
        with pytest.raises(GuestError):
            native.set_and_wait(closed)


def test_rights_are_those_of_the_project(peers: Peers) -> None:
    with peers.open() as host, peers.open("a") as a, peers.open("c") as c:
        waits = host.event_open("auto")
        assert (waits.may_signal, waits.may_wait) == (False, True)
        for act in (waits.set, waits.reset):
            with pytest.raises(GuestError) as caught:
                act()
            assert caught.value.code == "GW_DENIED"
        for gw, name, code in ((c, "auto", "GW_DENIED"), (a, "nothing", "GW_NOT_FOUND"), (a, "", "GW_INVALID")):
            with pytest.raises(GuestError) as caught:
                gw.event_open(name)
            assert caught.value.code == code


def test_an_event_that_no_project_has(peers: Peers) -> None:
    with peers.all("a", "b") as (a, b):
        made = a.event_create("made", manual=True, initial=True)
        with pytest.raises(GuestError, match="GW_EXISTS"):
            b.event_create("made")
        found = b.event_create("made", manual=True)
        assert (made.existed, found.existed, found.manual) == (False, True, True)
        assert found.wait(0) is True
        made.close()
        found.close()
        with pytest.raises(GuestError, match="GW_NOT_FOUND"):
            b.event_open("made")


def test_a_native_event_has_a_descriptor(peers: Peers) -> None:
    with peers.open() as host, peers.open("a") as a:
        event = host.event_open("native")
        event.set()
        assert select.select([event], [], [], 0)[0] == [event]
        assert event.wait(0) is True
        assert select.select([event], [], [], 0)[0] == []
        with pytest.raises(GuestError, match="GW_UNSUPPORTED"):
            a.event_open("auto").fileno()
        event.close()
        for act in (event.fileno, event.set, event.wait, event.is_set):
            with pytest.raises(GuestError, match="GW_CLOSED"):
                act()


def test_a_native_event_goes_by_itself_after_its_first_use(peers: Peers) -> None:
    """By its eventfd, with the library's states and counts."""
    with peers.all("", "") as (one, other):
        signals, waits = one.event_open("native"), other.event_open("native")
        before = peers.asked("event-show", w.NameRef(name="native")).signals
        for _ in range(3):
            signals.set()
            assert waits.wait() is True
        assert waits.wait(0) is False
        signals.set()
        signals.close()
        assert peers.asked("event-show", w.NameRef(name="native")).signals == before + 4
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(waits.wait)
            another = one.event_open("native")
            end = time.monotonic() + ANSWER_S
            while not answer.done():
                assert time.monotonic() < end
                another.set()
                time.sleep(0.01)
            assert answer.result(ANSWER_S) is True
            another.close()
        waits.reset()
        assert waits.wait(0) is False


def test_a_wait_of_a_native_event_ends_with_its_connection(peers: Peers) -> None:
    gw = peers.open()
    event = gw.event_open("native")
    event.set()
    assert event.wait() is True
    begun = threading.Event()

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(end_of_wait, event, begun)
        assert begun.wait(ANSWER_S)
        gw.close()
        assert answer.result(ANSWER_S) == "GW_CLOSED"
    for act in (event.set, event.wait):
        with pytest.raises(GuestError, match="GW_CLOSED"):
            act()
    event.close()
    with peers.open() as again, again.event_open("native") as left:
        left.reset()


@pytest.mark.parametrize("name", ["native", "auto"])
def test_ctrl_c_ends_a_wait(peers: Peers, name: str) -> None:
    waiter = f"""
        event = gw.event_open("{name}")
        if event.native:
            event.set(), event.wait()
        print("waits")
        try:
            event.wait()
        except KeyboardInterrupt:
            print("interrupted")
    """
    with peers.child("b" if name == "auto" else "", waiter) as child:
        assert child.line() == "waits"
        if name == "auto":
            until_waited_for(peers, "auto", 1)
        else:
            until_asleep(child.process.pid)
        child.process.send_signal(signal.SIGINT)
        assert child.line() == "interrupted"


def test_closing_lets_waits_of_other_threads_end(peers: Peers) -> None:
    """What a thread waits in is given back after it."""
    gw: Connection = peers.open("a")
    event = gw.event_open("auto")
    begun = threading.Event()

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(end_of_wait, event, begun, ANSWER_S)
        assert begun.wait(ANSWER_S)
        until_waited_for(peers, "auto", 1)
        gw.close()
        assert answer.result(ANSWER_S) == "GW_CLOSED"
    event.close()
