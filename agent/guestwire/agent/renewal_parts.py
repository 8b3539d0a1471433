"""From settings to the renewal of the host's certificate: which files, and the process that renews them."""

import asyncio
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from guestwire.agent import identity
from guestwire.agent.config import Settings
from guestwire.agent.host_agent import RunningHost
from guestwire.agent.host_parts import HostParts
from guestwire.agent.renewal import Renewal, RenewalParts
from guestwire.link.clock import now
from guestwire.model.errors import BY_CODE, GuestwireError

DEADLINE_S = 180.0
_SAID = re.compile(r"^guestwire-agent: ([A-Z0-9-]+): (.*)$", re.MULTILINE)


def renewal_of(settings: Settings, file: Path | None, parts: HostParts, host: RunningHost) -> Renewal | None:
    """The renewal of a running host; None: it has no certificate."""
    cert, ca = settings.broker.cert, settings.broker.ca
    if cert is None:
        return None

    async def renewed() -> None:
        await host.trust.take_up_file(await asyncio.to_thread(identity.trust, settings.trust))
        if host.link is not None and parts.tls is not None and parts.tls.changed():
            host.link.session.reconnect()

    command = renew_command(settings, file)
    renewal = Renewal(
        RenewalParts(
            cert=cert,
            ca=ca if ca is not None and ca.parent == cert.parent == settings.trust.host_key.parent else None,
            authorities=lambda: host.executor.trust.document.authorities,
            renew=(lambda: run(command)) if settings.trust.authority else None,
            renewed=renewed,
            alarms=host.listeners,
            log=parts.log,
            now_ms=lambda: max(now().wall_ms, parts.floor.ms),
            mono=lambda: now().mono,
        ),
        parts.vital,
    )
    host.trust.taken.append(lambda _: renewal.look_soon())
    return renewal


def renew_command(settings: Settings, file: Path | None) -> tuple[str, ...]:
    """The process that renews, with the settings that this one goes by, wherever they came from; none of them is secret."""
    given = {
        "host-id": settings.host.id,
        "host-site": settings.host.site,
        "host-clock": settings.host.clock,
        "broker-cert": settings.broker.cert,
        "broker-key": settings.broker.key,
        "broker-ca": settings.broker.ca,
        "trust-document": settings.trust.document,
        "trust-root-key": settings.trust.root_key,
        "trust-host-key": settings.trust.host_key,
        "trust-authority": settings.trust.authority,
    }
    flags = (f"--{name}={value}" for name, value in given.items() if value is not None)
    config = () if file is None else ("--config", str(file))
    return (sys.executable, "-m", "guestwire.agent.main", "renew", *config, *flags)


async def run(command: Sequence[str], deadline_s: float = DEADLINE_S) -> None:
    """Run it to its end. Raises the error that it ended with, PROCESS-FAILED when it says none or takes too long."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as err:
        raise GuestwireError("PROCESS-FAILED", f"{command[0]}: {err.strerror or err}") from err
    try:
        async with asyncio.timeout(deadline_s):
            _, said = await process.communicate()
    except TimeoutError:
        raise GuestwireError("PROCESS-FAILED", f"The renewal took longer than {deadline_s:.0f} s.") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        raise _failure(said.decode("utf-8", "replace"), process.returncode)


def _failure(said: str, status: int | None) -> GuestwireError:
    found = _SAID.findall(said)
    if found and found[-1][0] in BY_CODE:
        code, message = found[-1]
        return GuestwireError(code, message)
    return GuestwireError(
        "PROCESS-FAILED", f"The renewal ended with status {status}: {said[-500:].strip() or 'nothing said'}"
    )
