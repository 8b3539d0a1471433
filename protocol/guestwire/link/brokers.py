"""Which transport and which MQTT level a broker gets: version 5 first, 3.1.1 where the broker knows no more.

Both a refusal of level 5 and a close without CONNACK mean "try 3.1.1" (RabbitMQ 3.10 does the latter); that a broker then
takes level 4 is remembered, so that the next connection needs one attempt. A close may be an accident: a broker that is started
again behind a proxy does it too. So one that takes level 4 after it is asked for 5 once more, before that is believed of it.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, Literal

from guestwire.link import mqtt5
from guestwire.link.transport import Connect, Incoming, OnMessage, Options, Transport, TransportError

Kind = Literal["auto", "mqtt5", "aiomqtt"]
"""auto: ours at level 5, aiomqtt at 4. mqtt5: ours, never 3.1.1. aiomqtt: aiomqtt at either level."""

REMEMBER_S: Final = 24 * 3600.0
"""How long a broker is taken to speak 3.1.1 only: it may be upgraded, and a close without CONNACK may be an accident."""


class BrokerMemory:
    """The brokers that took 3.1.1 after they had not taken 5, and until when (Unix time) that is believed.

    Keeping it on disk is the caller's: `saved()` gives plain values for the constructor. What does not fit is ignored.
    """

    def __init__(self, saved: Mapping[str, object] | None = None, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._until: dict[str, float] = {}
        for broker, until in (saved or {}).items():
            if isinstance(until, int | float):
                self._until[broker] = min(until, now() + REMEMBER_S)  # a clock that was wrong must not bind for ever

    def only_level_4(self, options: Options) -> bool:
        return self._until.get(_name(options), 0.0) > self._now()

    def took_level_4(self, options: Options) -> None:
        self._until[_name(options)] = self._now() + REMEMBER_S

    def took_level_5(self, options: Options) -> None:
        self._until.pop(_name(options), None)

    def saved(self) -> dict[str, float]:
        now = self._now()
        return {broker: until for broker, until in self._until.items() if until > now}


def _name(options: Options) -> str:
    return f"{options.host}:{options.port}"


async def connect(
    options: Options, on_message: OnMessage, kind: Kind = "auto", memory: BrokerMemory | None = None
) -> Transport:
    """An open connection at level 5 or, if the broker does not speak it, at level 4.

    `options.level` 4 asks for 3.1.1 at once (not with kind "mqtt5": BROKER-NO-V5). Each attempt has the whole connect
    deadline. Raises the TransportError of the last attempt.
    """
    memory = memory if memory is not None else BrokerMemory()
    if kind == "mqtt5":
        if options.level != 5:
            raise TransportError("BROKER-NO-V5", detail={"why": "level 4 was asked for, and this transport has only 5"})
        return await mqtt5.connect(options, on_message)
    level_4 = replace(options, level=4)
    if options.level == 4 or memory.only_level_4(options):
        return await _aiomqtt()(level_4, on_message)
    level_5: Connect = mqtt5.connect if kind == "auto" else _aiomqtt()
    try:
        link: Transport = await level_5(options, on_message)
    except TransportError as err:
        if err.code != "BROKER-NO-V5":
            raise
        link = await _after_no_v5(options, on_message, level_5, said_so="reason" in err.detail)
    if link.connack.level == 5:
        memory.took_level_5(options)
    else:
        memory.took_level_4(options)
    return link


async def _after_no_v5(options: Options, on_message: OnMessage, level_5: Connect, *, said_so: bool) -> Transport:
    """An open connection to a broker that did not take level 5, and said so or only closed."""
    level_4 = replace(options, level=4)
    if not said_so:
        # nothing is heard over it: what is not acknowledged comes again; and there is no will, for nobody goes away
        trial = await _aiomqtt()(replace(level_4, will=None), _unheard)
        await trial.close()
        try:
            return await level_5(options, on_message)
        except TransportError as err:
            if err.code != "BROKER-NO-V5":
                raise
    return await _aiomqtt()(level_4, on_message)


def _unheard(_: Incoming) -> None:
    """A message for whoever connects next."""


def _aiomqtt() -> Connect:
    """The transport on aiomqtt, imported where it is wanted: it costs every other start 40 ms."""
    from guestwire.link import aiomqtt

    return aiomqtt.connect
