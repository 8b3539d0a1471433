"""pytest plugin (entry point `guestwire`): brokers and the fault proxy as fixtures.

Loaded in every pytest run of an environment that has Guestwire, so it imports nothing of ours until a fixture is used.
A missing mosquitto skips the test with that reason, or fails it when GUESTWIRE_TEST_REQUIRE (a comma-separated list)
names it: continuous integration must not skip in silence.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

try:
    from pytest_asyncio import fixture
except ImportError:  # without pytest-asyncio nothing here can be used, but other people's tests must go on
    fixture = pytest.fixture  # type: ignore[assignment]

if TYPE_CHECKING:
    from guestwire.broker_test.embedded import EmbeddedBroker
    from guestwire.broker_test.mosquitto import Mosquitto
    from guestwire.broker_test.options import BrokerOptions
    from guestwire.broker_test.proxy import FaultProxy
    from guestwire.broker_test.running import RunningBroker

    MosquittoFactory = Callable[[BrokerOptions], Awaitable[Mosquitto]]
    EmbeddedFactory = Callable[[BrokerOptions], Awaitable[EmbeddedBroker]]
    BrokerFactory = Callable[[BrokerOptions], Awaitable[RunningBroker]]
    ProxyFactory = Callable[[int], Awaitable[FaultProxy]]


def require(name: str, present: bool, reason: str) -> None:
    """Skip the test with `reason` unless `present`; fail it instead when GUESTWIRE_TEST_REQUIRE lists `name`."""
    if present:
        return
    required = {x.strip() for x in os.environ.get("GUESTWIRE_TEST_REQUIRE", "").split(",")}
    if name in required:
        pytest.fail(f"{reason} (GUESTWIRE_TEST_REQUIRE names {name})", pytrace=False)
    pytest.skip(reason)


def require_mosquitto() -> None:
    """Skip (or fail, see `require`) where there is no mosquitto binary."""
    from guestwire.broker_test.mosquitto import find_mosquitto

    require("mosquitto", find_mosquitto() is not None, "no mosquitto binary on this machine")


@fixture
async def mosquitto_factory() -> "AsyncIterator[MosquittoFactory]":
    """`await mosquitto_factory(options)` starts a mosquitto; all of them end with the test."""
    require_mosquitto()
    from guestwire.broker_test.mosquitto import mosquitto

    async with AsyncExitStack() as stack:
        yield lambda options: stack.enter_async_context(mosquitto(options))


@fixture
async def embedded_factory() -> "AsyncIterator[EmbeddedFactory]":
    """`await embedded_factory(options)` starts an embedded broker; all of them end with the test."""
    from guestwire.broker_test.embedded import embedded

    async with AsyncExitStack() as stack:
        yield lambda options: stack.enter_async_context(embedded(options))


@fixture(params=["mosquitto", "embedded"])
async def broker_factory(request: pytest.FixtureRequest) -> "AsyncIterator[BrokerFactory]":
    """The factory of either kind: the test runs once with each."""
    if request.param == "mosquitto":
        require_mosquitto()
    from guestwire.broker_test.embedded import embedded
    from guestwire.broker_test.mosquitto import mosquitto

    async with AsyncExitStack() as stack:

        async def start(options: "BrokerOptions") -> "RunningBroker":
            if request.param == "mosquitto":
                return await stack.enter_async_context(mosquitto(options))
            return await stack.enter_async_context(embedded(options))

        yield start


@fixture
async def mosquitto_broker(mosquitto_factory: "MosquittoFactory") -> "Mosquitto":
    """A mosquitto with default options (one open plain listener on a free port)."""
    from guestwire.broker_test.options import BrokerOptions

    return await mosquitto_factory(BrokerOptions())


@fixture
async def embedded_broker(embedded_factory: "EmbeddedFactory") -> "EmbeddedBroker":
    """An embedded broker with default options."""
    from guestwire.broker_test.options import BrokerOptions

    return await embedded_factory(BrokerOptions())


@fixture
async def broker(broker_factory: "BrokerFactory") -> "RunningBroker":
    """A broker of either kind with default options: the test runs once with each."""
    from guestwire.broker_test.options import BrokerOptions

    return await broker_factory(BrokerOptions())


@fixture
async def fault_proxy() -> "AsyncIterator[ProxyFactory]":
    """`await fault_proxy(port)` starts a fault proxy in front of 127.0.0.1:`port`; all of them end with the test."""
    from guestwire.broker_test.proxy import fault_proxy as start_proxy

    async with AsyncExitStack() as stack:
        yield lambda port: stack.enter_async_context(start_proxy(port))
