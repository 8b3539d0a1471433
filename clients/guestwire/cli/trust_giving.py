"""Gives a trust document to hosts, and tells what became of it at each."""

from typing import TYPE_CHECKING

from guestwire.cli.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guestwire.protocol.operation_models import TrustTaken
    from guestwire.sdk.bulk import Outcome
    from guestwire.sdk.client import Client


def give_to_hosts(settings: Settings, file: bytes, hosts: "Sequence[str]" = ()) -> None:
    """Have hosts take a document up; without names every host that it knows. Leaves with an exit code other than 0 where one did
    not. Raises GuestwireError when there is no way to any."""
    from guestwire.cli.outcomes import end_with
    from guestwire.cli.output import Column, View, write_all
    from guestwire.cli.run import with_client
    from guestwire.protocol.trust_file import in_words

    def became(outcome: "Outcome[str, TrustTaken]") -> str:
        if outcome.error is not None:
            return "away" if outcome.error.code == "HOST-UNREACHABLE" else "refused"
        return "taken up" if outcome.result is not None and outcome.result.new else "had it"

    def revision(outcome: "Outcome[str, TrustTaken]") -> str:
        return in_words(outcome.result.revision) if outcome.result is not None else "-"

    async def work(client: "Client") -> "tuple[Outcome[str, TrustTaken], ...]":
        return await _give(client, settings, file, hosts)

    outcomes = with_client(settings, work)
    view: View[Outcome[str, TrustTaken]] = View(
        columns=(
            Column("HOST", lambda o: o.target),
            Column("TRUST", became, style=lambda o: "good" if o.error is None else "bad"),
            Column("REVISION", revision),
        ),
        name=lambda o: o.target,
        document=lambda o: {
            "host": o.target, "outcome": became(o), "revision": list(o.result.revision) if o.result else None,
            "error": o.error.code if o.error else None,
        },
        none="no hosts",
    )  # fmt: skip
    write_all(settings, view, outcomes)
    end_with(settings, outcomes)


async def _give(
    client: "Client", settings: Settings, file: bytes, hosts: "Sequence[str]"
) -> "tuple[Outcome[str, TrustTaken], ...]":
    from guestwire.model.errors import GuestwireError
    from guestwire.protocol.operation_models import TrustFileGiven
    from guestwire.sdk.answers import CallOptions
    from guestwire.sdk.bulk import each
    from guestwire.sdk.hosts import listed_hosts

    if client.trust is not None:
        await client.take_up(file)  # hosts answer by the keys that it names
    seen = {one.host: one for one in await client.hosts()}
    named = tuple(hosts) or ((client.only_host,) if client.only_host else listed_hosts(client.trust))

    async def give(host: str) -> "TrustTaken":
        if host in seen and seen[host].state in ("offline", "unknown"):
            text = f"{host} is away, and gets the document with the next publish."
            raise GuestwireError("HOST-UNREACHABLE", text)
        return (await client.host(host).trust_update(TrustFileGiven(file=file), CallOptions(settings.timeout))).reply

    return await each(named, give)
