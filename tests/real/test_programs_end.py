"""What the tests and the demo start is gone when they are, in whatever way they end."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from portkey_gateway import START, portkey_gateway

ROOT = Path(__file__).parent.parent.parent
GONE_WITHIN_S = 10.0

STARTER = """
import sys, time
sys.path.insert(0, "tools")
from programs import started
program = started([sys.executable, "-c", "import time; time.sleep(600)"])
print(program.pid, flush=True)
time.sleep(600)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks at /proc")


def commands() -> list[bytes]:
    """The command lines of all processes there are; a zombie has none."""
    found: list[bytes] = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                found.append((folder / "cmdline").read_bytes())
            except OSError:
                continue
    return found


def test_no_program_of_the_gateway_is_left_when_its_block_is() -> None:
    if not START.exists():
        pytest.skip("the gateway is not installed: run `make install`")
    with portkey_gateway() as url:
        port = url.split(":")[2].partition("/")[0].encode()
        assert any(b"--port=" + port in command for command in commands())
    assert [command for command in commands() if b"--port=" + port in command] == []


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_program_ends_with_the_process_that_started_it(how: signal.Signals) -> None:
    with subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, "-c", STARTER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT
    ) as starter:
        assert starter.stdout is not None
        program = Path("/proc") / starter.stdout.readline().decode().strip() / "cmdline"
        assert program.read_bytes()
        starter.send_signal(how)
    ends_s = time.monotonic() + GONE_WITHIN_S
    while program.exists() and program.read_bytes() and time.monotonic() < ends_s:
        time.sleep(0.01)
    assert not program.exists() or program.read_bytes() == b""
