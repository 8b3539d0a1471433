"""A PostgreSQL server of the tests: its own data directory, a Unix socket, no durability unless asked for."""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from guestwire.broker_test.fixtures import require

READY = "database system is ready to accept connections"
DEADLINE_S = 30.0
# what makes a server of the tests quick: only a power cut loses what is committed
QUICK = ("fsync=off", "full_page_writes=off", "autovacuum=off")
SMALL = (
    "shared_buffers=32MB",
    "max_connections=60",
    "listen_addresses=",
    "logging_collector=off",
    "log_checkpoints=off",
)

COLUMNS = """SELECT relname AS table_name, attname, atttypid FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped"""
KEEP = f"CREATE TABLE kept.columns AS {COLUMNS}"
ALONE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
EMPTY = f"""DO $$
DECLARE name text;
BEGIN
  SET LOCAL lock_timeout = '5s';
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
    IF EXISTS (SELECT FROM kept.columns WHERE table_name = name) THEN EXECUTE format('DELETE FROM %I', name);
    ELSE EXECUTE format('DROP TABLE %I CASCADE', name);
    END IF;
  END LOOP;
  FOR name IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' LOOP
    PERFORM setval(format('%I', name), 1, false);
  END LOOP;
  IF EXISTS (SELECT * FROM kept.columns EXCEPT {COLUMNS}) THEN
    RAISE EXCEPTION 'something is gone';
  END IF;
END $$"""


def binaries() -> Path | None:
    """Where PostgreSQL's programs are, the newest version's."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    if found:
        return max(found, key=lambda path: float(path.parent.name))
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path is not None else None


def _account() -> str | None:
    """Who runs it: PostgreSQL refuses root."""
    if os.geteuid():
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return "nobody"


class PostgresServer:
    """One server. `start` and `stop` as often as one likes; the data stays until the folder is gone."""

    def __init__(self, folder: Path, programs: Path, settings: tuple[str, ...] = QUICK) -> None:
        self.folder = folder
        self._programs = programs
        self._settings = (*SMALL, *settings)
        self._process: subprocess.Popen[str] | None = None
        self._ready = threading.Event()
        self.log: list[str] = []

    def make(self) -> None:
        """A new cluster of databases, whose only user is `guestwire`."""
        if (account := _account()) is not None:
            shutil.chown(self.folder, account)
        subprocess.run(
            [*self._as_account(), self._programs / "initdb", "--no-sync", "--auth=trust", "--username=guestwire",
             "--encoding=UTF8", "--no-locale", "--no-instructions", f"--pgdata={self.folder / 'data'}"],
            check=True, capture_output=True, cwd=self.folder,
        )  # fmt: skip

    def start(self) -> None:
        """Returns when it takes connections."""
        self._ready.clear()
        options = [word for setting in self._settings for word in ("-c", setting)]
        self._process = subprocess.Popen(
            [*self._as_account(), self._programs / "postgres", "-D", self.folder / "data", "-k", self.folder, *options],
            stderr=subprocess.PIPE, text=True, cwd=self.folder,
        )  # fmt: skip
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()
        if not self._ready.wait(DEADLINE_S) or self._process.poll() is not None:
            raise RuntimeError("PostgreSQL did not start:\n" + "".join(self.log))

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """SIGQUIT: at once, as a crash (the server's own way of it, which takes its children along). SIGINT: in order."""
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(DEADLINE_S)
        self._process = None

    def kill(self) -> None:
        """Every process of it at once, with no word: what a kernel that runs out of memory does."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        for pid in (self.pid, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert self._process is not None
        self._process.wait(DEADLINE_S)
        self._process = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def dsn(self, database: str = "postgres") -> str:
        return f"postgresql://guestwire@/{database}?host={self.folder}"

    def sql(self, *statements: str, database: str = "postgres") -> None:
        """Run statements, each in a transaction of its own."""
        words = [word for statement in statements for word in ("-c", statement)]
        subprocess.run(
            [self._programs / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-U", "guestwire", *words, database],
            check=True, capture_output=True,
        )  # fmt: skip

    def _as_account(self) -> list[str]:
        ending = ["setpriv", "--pdeathsig=SIGQUIT"]  # a test run that is killed leaves no server behind
        if (account := _account()) is None:
            return ending
        group = pwd.getpwnam(account).pw_gid
        return [*ending, f"--reuid={account}", f"--regid={group}", "--clear-groups"]

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        with process.stderr as lines:
            for line in lines:
                self.log.append(line)
                if READY in line:
                    self._ready.set()
        self._ready.set()


class EmptiedDatabase:
    """One database for many tests, one after the other: emptied in between, which is six times quicker than a new one.
    `make` gives it its tables."""

    def __init__(self, server: PostgresServer, make: Callable[[str], None]) -> None:
        self._server = server
        self._make = make
        self._names = (f"test_{n}" for n in itertools.count(1))
        self._name: str | None = None

    def dsn(self) -> str:
        if self._name is None:
            self._name = next(self._names)
            self._server.sql(f"CREATE DATABASE {self._name}")
            self._make(self._server.dsn(self._name))
            self._server.sql("CREATE SCHEMA kept", KEEP, database=self._name)
        return self._server.dsn(self._name)

    def empty(self) -> None:
        """No row, and no table that was not there at first. Where a test left less than there was, the next has a new one."""
        assert self._name is not None
        try:
            self._server.sql(ALONE, "SET session_replication_role = replica", EMPTY, database=self._name)
        except subprocess.CalledProcessError:
            self._server.sql(f"DROP DATABASE {self._name} WITH (FORCE)")
            self._name = None


@contextmanager
def postgres_server(settings: tuple[str, ...] = QUICK) -> Iterator[PostgresServer]:
    """A server that runs while the block lasts. Where there is none, the test is skipped (see `require`)."""
    programs = binaries()
    require("postgresql", programs is not None, "no PostgreSQL server on this machine")
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="gw-pg-"))  # short: a socket's path has 107 bytes
    try:
        server = PostgresServer(folder, programs, settings)
        server.make()
        server.start()
        try:
            yield server
        finally:
            if server._process is not None:
                server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
