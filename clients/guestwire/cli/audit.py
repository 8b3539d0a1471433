"""`guestwire audit`: what a host was asked, by whom, and what came of it; shown, checked, and kept in a file.

With a context of a controller: what was done there, and with --host the logs of hosts as it has collected them.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from guestwire.cli.controlled import is_controlled
from guestwire.cli.settings import Noun, Settings, pass_settings

if TYPE_CHECKING:
    from guestwire.cli.audit_views import Verdict
    from guestwire.protocol.audit import AuditList, AuditQuery
    from guestwire.protocol.audit_chain import Origin
    from guestwire.protocol.trust import Trust
    from guestwire.sdk.audit_logs import WholeLog
    from guestwire.sdk.client import Client

MOST = 100_000
PAGE = 1000

_host = click.option("--host", metavar="HOST", help="Whose log; not needed where there is one host.")
_file = click.Path(path_type=Path, dir_okay=False)


@click.group("audit", cls=Noun)
def audit() -> None:
    """What a host was asked, by whom, and what came of it."""


@audit.command("list")
@click.argument("host", metavar="[HOST]", required=False)
@click.option("--after", type=click.IntRange(min=0), metavar="SEQ", help="The rows after this number; else the newest.")
@click.option("-n", "--limit", type=click.IntRange(1, MOST), default=100, show_default=True, help="How many at most.")
@click.option("--operation", metavar="NAME", help="Only rows of this operation.")
@click.option("--principal", metavar="NAME", help="Only rows of this principal, as operator:anna or local:1000.")
@click.option("--code", metavar="CODE", help="Only rows with this code, as BAD-SIGNATURE.")
@click.option("--host", "named", metavar="HOST", help="The same as HOST.")
@click.option("--person", metavar="USER", help="Of a controller's log: only what this user did.")
@click.option("--action", metavar="ACTION", help="Of a controller's log: only that, as job-make.")
@click.option("--target", metavar="TARGET", help="Of a controller's log: only what was done to that, as plant/h1.")
@pass_settings
def list_rows(
    settings: Settings, host: str | None, after: int | None, limit: int, operation: str | None, principal: str | None,
    code: str | None, named: str | None, person: str | None, action: str | None, target: str | None,
) -> None:  # fmt: skip
    """Rows of the audit log of HOST: the newest, or with --after the next ones after a number.

    With a context of a controller: rows of its own log, or of HOST's as the controller has collected it.
    """
    host = host or named
    if is_controlled(settings):
        from guestwire.cli import controller_audit

        if after is not None:
            raise click.UsageError("A controller shows the newest rows: --after is for a host itself.")
        if host is None:
            controller_audit.list_rows(settings, {"person": person, "action": action, "target": target}, limit)
        else:
            wanted = {"operation": operation, "principal": principal, "code": code}
            controller_audit.list_host_rows(settings, host, wanted, limit)
        return
    if person or action or target:
        raise click.UsageError("--person, --action and --target are for the log of a controller.")
    from guestwire.cli.audit_views import AuditRow, audit_view
    from guestwire.cli.output import write_all
    from guestwire.cli.run import with_client
    from guestwire.cli.targets import one_host
    from guestwire.protocol.audit import AuditQuery

    query = AuditQuery(after=after, operation=operation, principal=principal, code=code)

    async def work(client: "Client") -> list[AuditRow]:
        rows = await _rows(client, one_host(client, host), query, limit, settings)
        return [AuditRow(*row) for row in rows]

    write_all(settings, audit_view(), with_client(settings, work))


async def _rows(
    client: "Client", host: str, query: "AuditQuery", limit: int, settings: Settings
) -> list[tuple[bytes, bytes]]:
    """As many rows as there are, page by page: a page may have none although there are more."""
    from guestwire.cli.run import options

    rows: list[tuple[bytes, bytes]] = []
    while True:
        asked = query.model_copy(update={"limit": min(PAGE, limit - len(rows))})
        page: AuditList = (await client.host(host).audit_list(asked, options(settings))).reply
        rows = [*rows, *page.rows] if query.after is not None else [*page.rows, *rows]
        if page.next is None or len(rows) >= limit:
            return rows
        query = query.model_copy(update={"after" if query.after is not None else "before": page.next})


@audit.command("verify")
@click.argument("file", metavar="[FILE]", type=_file, required=False)
@_host
@click.option("--trust", type=_file, help="The site's trust document, instead of the context's.")
@click.option("--root", type=_file, help="The root key that it is checked with; goes with --trust.")
@pass_settings
def verify(settings: Settings, file: Path | None, host: str | None, trust: Path | None, root: Path | None) -> None:
    """Check that a log is whole and as the host signed it: the host's own, or one that was exported to FILE.

    With a context of a controller and no --host: have it check its own log.
    """
    if file is None and host is None and is_controlled(settings):
        from guestwire.cli import controller_audit

        controller_audit.verify(settings)
        return
    from guestwire.cli.audit_views import verdict_facts, verdict_view
    from guestwire.cli.output import write_one

    if (trust is None) != (root is None):
        raise click.UsageError("--trust and --root go together.")
    if file is not None:
        verdict = _checked_file(settings, file, trust, root)
    else:
        verdict = _checked_host(settings, host, _trust(trust, root), _unheard, _unheard_row)
    write_one(settings, verdict, verdict_view(), verdict_facts(verdict))


@audit.command("export")
@click.argument("file", metavar="FILE", type=_file)
@_host
@pass_settings
def export(settings: Settings, file: Path, host: str | None) -> None:
    """Write the whole log of a host to FILE, with what it takes to check it later without the host.

    With a context of a controller: every row of its own log, or of a host's as the controller has collected it.
    """
    if is_controlled(settings):
        from guestwire.cli import controller_audit

        controller_audit.export(settings, file, host)
        return
    from guestwire.cli.audit_views import verdict_facts, verdict_view
    from guestwire.cli.output import write_one
    from guestwire.cli.text_files import check_free
    from guestwire.protocol.audit_chain import first_line, last_line, row_line

    check_free(settings, [file])
    part = file.with_name(f"{file.name}.part")
    try:
        with _private(part) as out:

            def begin(origin: "Origin") -> None:
                out.seek(0)
                out.truncate()
                out.write(first_line(origin) + "\n")

            def each(row: bytes, digest: bytes) -> None:
                out.write(row_line(row, digest) + "\n")

            verdict = _checked_host(settings, host, None, begin, each)
            out.write(last_line(verdict.head) + "\n")
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    write_one(settings, verdict, verdict_view(), [*verdict_facts(verdict), ("written", str(file))])


def _private(path: Path) -> TextIO:
    """A new file that nobody else may read."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), "w", encoding="utf-8", newline="\n")


def _checked_host(
    settings: Settings,
    host: str | None,
    trust: "Trust | None",
    begin: Callable[["Origin"], None],
    each: Callable[[bytes, bytes], None],
) -> "Verdict":
    from guestwire.cli.audit_views import Verdict
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import one_host
    from guestwire.model.errors import GuestwireError
    from guestwire.sdk.audit_logs import read_whole

    async def work(client: "Client") -> "WholeLog":
        believed = trust or client.trust
        if believed is None and not client.vouched:
            raise GuestwireError("CONFIG-INVALID", "Checking a log takes a context with trust and root.", field="trust")
        name = one_host(client, host)
        return await read_whole(client.host(name), client.site, name, believed, options(settings), begin, each)

    whole = with_client(settings, work)
    return Verdict(whole.checked, whole.signed, whole.head, whole.acknowledged)


def _checked_file(settings: Settings, file: Path, trust: Path | None, root: Path | None) -> "Verdict":
    from guestwire.cli.audit_views import Verdict
    from guestwire.protocol.audit_chain import check

    believed = _trust(trust, root) or _context_trust(settings)
    with file.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        return Verdict(check((line.removesuffix("\n") for line in lines), believed), signed=True)


def _trust(trust: Path | None, root: Path | None) -> "Trust | None":
    from guestwire.sdk.credentials import read_trust

    return None if trust is None or root is None else read_trust(trust, root)


def _context_trust(settings: Settings) -> "Trust":
    """That of the chosen context; nobody is asked for it. Raises click.UsageError."""
    from guestwire.sdk import contexts
    from guestwire.sdk.credentials import read_trust

    known = contexts.load(contexts.default_path(os.environ))
    _, context = known.get(settings.context or os.environ.get(contexts.ENVIRONMENT_CONTEXT))
    if context.trust is None or context.root is None:
        raise click.UsageError("The context has no trust document: name one with --trust and --root.")
    return read_trust(Path(context.trust), Path(context.root))


def _unheard(_origin: "Origin") -> None:
    """Nobody keeps them."""


def _unheard_row(_row: bytes, _digest: bytes) -> None:
    """Nobody keeps them."""
