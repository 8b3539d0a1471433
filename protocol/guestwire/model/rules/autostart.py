"""What is started with the host, who has its screen (SM 6), and how a guest comes to be ready."""

from collections.abc import Iterator

from guestwire.model.rules.rule import Finding, Rule
from guestwire.model.rules.view import View, place


def standalone_multi_console(view: View) -> Iterator[Finding]:
    if not view.desired.autostart.standalone:
        return
    consoles = [guest for guest in view.guests if guest.autostart == "console"]
    if not consoles:
        yield Finding("autostart.standalone", "no guest has the console")
    general = [guest for guest in consoles if guest.kind != "rt"]
    for guest in general[1:]:
        message = f"{general[0].name} and {guest.name} both have the console"
        yield Finding(place(guest, "autostart"), message, related=(place(general[0], "autostart"),))


def standalone_rt_console(view: View) -> Iterator[Finding]:
    if view.desired.autostart.standalone:
        for guest in view.rt:
            if guest.autostart == "console":
                yield Finding(place(guest, "autostart"), f"{guest.name} is an rt guest and has no screen")


def autostart_no_autologin(view: View) -> Iterator[Finding]:
    if not view.desired.autostart.active or view.desired.settings.autologin:
        return
    for guest in view.guests:
        if guest.autostart == "console":
            message = f"the viewer of {guest.name} needs a desktop, and the project logs nobody in at boot"
            yield Finding(place(guest, "autostart"), message, related=("settings.autologin",))


def ready_no_comm(view: View) -> Iterator[Finding]:
    for guest in view.guests:
        if guest.ready_when.by == "heartbeat" and not guest.has_comm:
            message = (
                f"{guest.name} has no communication, by which its guest library says that it is ready: it never is"
            )
            yield Finding(place(guest, "ready_when"), message)


RULES: tuple[Rule, ...] = (
    Rule(
        "STANDALONE-MULTI-CONSOLE", "E", "E", "In standalone mode exactly one general purpose guest has the console.",
        "Set autostart to console for one guest, and to headless or off for the others.", standalone_multi_console,
    ),
    Rule(
        "STANDALONE-RT-CONSOLE", "E", "E", "In standalone mode no rt guest has the console.",
        "Set the rt guest's autostart to headless.", standalone_rt_console,
    ),
    Rule(
        "AUTOSTART-NO-AUTOLOGIN", "W", "W", "Where guests are started with a viewer, a user is logged in when the host boots.",
        "Name a user in settings.autologin, or start the guest headless.", autostart_no_autologin,
    ),
    Rule(
        "READY-NO-COMM", "W", "W", "A guest whose guest library says when it is ready has communication.",
        "Switch the guest's communication on, or choose another ready_when.", ready_no_comm,
    ),
)  # fmt: skip
