"""A batch at its vendor whose program is killed, really and again and again: it is handed in once, and all is told."""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path

import anyio
import pytest

from llm_manager.testing.simulator import Course, Say, Simulator
from llm_manager.testing.simulator.batches import Step
from tests.operations.vendor_batches import ANTHROPIC, OPENAI, Vendor

pytestmark = pytest.mark.anyio

IS_FULL = os.environ.get("PROMISES") == "full"
KILLS = 40 if IS_FULL else 4
REQUESTS = 20
ROOT = Path(__file__).parent.parent.parent


def seen(server: Simulator, kill: int) -> int:
    """How many of its requests a program may send before kill number *kill*: the first ones hand the batch in."""
    return len(server.received) + 1 + kill % 3


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # what is killed is a program with a loop of its own
@pytest.mark.parametrize("vendor", [OPENAI, ANTHROPIC], ids=lambda vendor: vendor.name)
async def test_a_program_killed_at_random_hands_its_batch_in_once_and_tells_every_answer(
    vendor: Vendor, tmp_path: Path
) -> None:
    dice = random.Random(11)  # noqa: S311  # dice, not keys
    async with Simulator() as server:
        server.script(vendor.model, [Say(f"answer {number}") for number in range(2 * REQUESTS)])
        going_on: list[Step] = ["in_progress" for _ in range(20 * KILLS)]
        server.script_batches([Course(("validating", *going_on, "completed"))] * KILLS)
        program = (sys.executable, "-m", "tests.promises.vendor_batch_worker")
        journal = str(tmp_path / "journal")
        command = [*program, f"{server.url}{vendor.path}", vendor.name, vendor.model, journal, str(REQUESTS)]
        for kill in range(KILLS):
            enough = seen(server, kill)
            async with await anyio.open_process(command, cwd=ROOT, stderr=None) as worker:
                while len(server.received) < enough and worker.returncode is None:
                    await anyio.wait_all_tasks_blocked()
                    await anyio.sleep(0.001)  # another process is at work: there is nothing else to wait for
                await anyio.sleep(dice.random() * 0.01)
                worker.kill()
            assert worker.returncode == -9, "it was still at work"
        with anyio.fail_after(60):
            last = await anyio.run_process(command, cwd=ROOT, check=False)
        assert last.returncode == 0, last.stderr.decode()
        assert len(server.room.batches) == 1
    assert sorted(json.loads(last.stdout)) == sorted(f"answer {number}" for number in range(REQUESTS))
