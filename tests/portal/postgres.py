"""A real PostgreSQL of this test run's own: made in a new folder, reached by a socket in it, gone afterwards."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

_ROLE = "tillbridge"
STARTS = 10
START_SECONDS = 0.5


class NotDone(Exception):
    """What `pg_ctl` said."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running PostgreSQL. `folder` has its socket, and its data in `data`."""

    folder: Path

    def url(self, database: str) -> str:
        return f"postgresql://{_ROLE}@/{database}?host={self.folder}"

    def run(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def control(self, action: str, *options: str) -> None:
        """What `pg_ctl` does: start, stop, kill."""
        command = [_program("pg_ctl"), "-D", str(self.folder / "data"), "-w", *options, action]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, user=_unprivileged())
        if done.returncode:
            raise NotDone(f"pg_ctl {action}: {done.stdout}{done.stderr}")

    def start(self) -> None:
        """Starts it, if it does not run: a test that was to end it may not have come so far."""
        for left in reversed(range(STARTS)):
            if self._answers():
                return
            try:
                self.control("start", "-l", str(self.folder / "log"))
            except NotDone as error:
                # Processes of a server that was killed hold its shared memory until the system has cleared them away.
                if not left:
                    raise AssertionError(f"{error}\n{(self.folder / 'log').read_text()}") from error
                time.sleep(START_SECONDS)  # noqa: TID251  # the system tells nobody when it has

    def _answers(self) -> bool:
        try:
            self.run("select 1")
        except psycopg.OperationalError:
            return False
        return True

    def kill(self) -> None:
        """Ends every process of it at once, as a power cut would."""
        try:
            self.control("stop", "-m", "immediate")
        except NotDone:
            # It may be over before it is looked at, which is no failure of ours.
            if self._answers():
                raise
        assert not self._answers()


@contextmanager
def cluster(*, durable: bool = False) -> Iterator[Cluster]:
    """A new PostgreSQL; `durable` flushes as in earnest, which a test that kills it needs."""
    folder = Path(tempfile.mkdtemp(prefix="tb-pg-"))
    try:
        owner = _unprivileged()
        if owner is not None:
            shutil.chown(folder, owner)
        folder.chmod(0o700)
        made = Cluster(folder)
        initdb = [_program("initdb"), "-D", str(folder / "data"), "-U", _ROLE, "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(initdb, check=True, capture_output=True, timeout=60, user=_unprivileged())
        settings = ["listen_addresses = ''", f"unix_socket_directories = '{folder}'", "max_connections = 60"]
        # A test is too short for a vacuum to be worth its while, or for a plan to be compiled.
        settings += ["autovacuum = off", "jit = off"]
        settings += [] if durable else ["fsync = off", "synchronous_commit = off", "full_page_writes = off"]
        with (folder / "data" / "postgresql.conf").open("a") as file:
            file.write("\n".join(["", *settings, ""]))
        made.start()
        try:
            yield made
        finally:
            made.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _program(name: str) -> str:
    """Debian keeps PostgreSQL's own programs apart, by version."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    program = str(found[-1]) if found else shutil.which(name)
    assert program is not None, f"{name} is missing: run `make system`"
    return program


def _unprivileged() -> str | None:
    """PostgreSQL refuses to run as root; Debian's package brings a user for it."""
    if os.geteuid() != 0:
        return None
    pwd.getpwnam("postgres")
    return "postgres"
