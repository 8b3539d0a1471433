"""What rules about events make of a notice, or of something that the controller finds wrong. Decides only."""

from guestwire.controller.alarms.comparing import Reading, Subject, summary
from guestwire.controller.alarms.rule import AlarmRule
from guestwire.controller.fleet.naming import clean
from guestwire.controller.host_ref import HostRef
from guestwire.protocol.notices import AlarmNotice, AuditNotice, CommNotice, GuestNotice, Notice, NoticeClass


def of_notice(rule: AlarmRule, host: HostRef, notice_class: NoticeClass, notice: Notice) -> tuple[Subject, str] | None:
    """What an alarm is about and its text, where the rule means this notice. Notices of one event and code about one guest are one
    alarm."""
    trigger = rule.trigger
    if trigger.on != "notice" or (trigger.classes and notice_class not in trigger.classes):
        return None
    code = getattr(notice, "code", None) or ""
    if (trigger.events and notice.event not in trigger.events) or (trigger.codes and code not in trigger.codes):
        return None
    part = ":".join(word for word in (notice.event, code, _about(notice)) if word)
    labels = {"text": _text(notice), "event": notice.event, "code": code, "guest": _about(notice)}
    subject = Subject(host, clean(part, 200))
    return subject, _summary(rule, host, Reading(notice.event, labels))


def of_trouble(rule: AlarmRule, host: HostRef, kind: str, text: str) -> tuple[Subject, str] | None:
    """The same for what the controller finds wrong with a host."""
    trigger = rule.trigger
    if trigger.on != "trouble" or (trigger.kinds and kind not in trigger.kinds):
        return None
    return Subject(host, kind), _summary(rule, host, Reading(kind, {"text": text, "kind": kind}))


def _summary(rule: AlarmRule, host: HostRef, reading: Reading) -> str:
    """With words of the host, or of a guest in it: fit to be stored."""
    return summary(rule, host, reading).replace("\0", "")


def _about(notice: Notice) -> str:
    match notice:
        case GuestNotice():
            return notice.name
        case CommNotice():
            return notice.guest
        case AuditNotice():
            return notice.client
        case _:
            return ""


def _text(notice: Notice) -> str:
    words = [notice.text]
    if isinstance(notice, AlarmNotice):
        words.append(notice.remedy)
    if isinstance(notice, GuestNotice):
        words += [notice.reason, notice.state or ""]
    return " ".join(word for word in words if word) or notice.event
