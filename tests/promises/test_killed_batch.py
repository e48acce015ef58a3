"""A batch that is killed again and again ends complete, and nothing that was written down is paid twice."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import sys
from collections import Counter
from pathlib import Path

import anyio
import pytest

from llm_manager.testing.simulator import Reply, Say, Simulator, Status

pytestmark = pytest.mark.anyio

IS_FULL = os.environ.get("PROMISES") == "full"
REQUESTS, KILLS = (2_000, 20) if IS_FULL else (120, 3)
CONCURRENCY = 8
MODEL = "gpt-6.1-terra"

SETTINGS = """
[http.base_urls]
openai = "{url}/v1"
[keys.providers]
openai = ["any-key-will-do-here"]
[keys]
max_connections_per_key = 8
[cache]
enabled = false
[retry]
max_retries = 12
base_s = 0.01
cap_s = 0.05
[retry.budget]
capacity = 10000
[circuit_breaker]
enabled = false
"""


def replies(dice: random.Random) -> list[Reply]:
    """Answers that are all different, one in twenty of them a fault."""
    faults = (Status(503), Status(500), Status(429, headers={"retry-after": "0"}))
    return [
        dice.choice(faults) if dice.random() < 0.05 else Say(f"answer {number}", after_s=0.02)
        for number in range(2 * REQUESTS)
    ]


def paid(server: Simulator, script: list[Reply]) -> list[tuple[str, str]]:
    """The prompt and the answer of every request that was answered."""
    return [
        (received.json["messages"][-1]["content"], reply.text)
        for received, reply in zip(server.received, script, strict=False)
        if isinstance(reply, Say)
    ]


def written_down(journal: Path) -> set[str]:
    """The answers that the journal has."""
    if not journal.exists():
        return set()
    with sqlite3.connect(journal) as connection:
        found = {json.loads(text)["content"] for (text,) in connection.execute("SELECT text FROM work")}
    connection.close()
    return found


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # what is killed is a program with a loop of its own
async def test_a_batch_killed_at_random_ends_complete_and_pays_nothing_twice_that_was_written_down(
    tmp_path: Path,
) -> None:
    dice = random.Random(7)  # noqa: S311  # dice, not keys
    script = replies(dice)
    requests, answers, journal = (tmp_path / name for name in ("in.jsonl", "out.jsonl", "out.jsonl.journal"))
    lines = (json.dumps({"id": f"r{number}", "prompt": f"question {number}"}) for number in range(REQUESTS))
    requests.write_text("\n".join(lines), encoding="utf-8")
    settings = tmp_path / "settings.toml"
    kept: set[str] = set()
    async with Simulator() as server:
        server.script(MODEL, script)
        settings.write_text(SETTINGS.format(url=server.url), encoding="utf-8")
        options = ["--concurrency", str(CONCURRENCY), "--model", MODEL]
        command = [sys.executable, "-m", "llm_manager.cli.main", "batch", *options, str(requests), str(answers)]
        environment = {"PATH": os.environ["PATH"], "LLM_MANAGER_CONFIG": str(settings)}
        share = REQUESTS / (KILLS + 1)
        for kill in range(1, KILLS + 1):
            async with await anyio.open_process(command, env=environment, stderr=None) as run:
                enough = dice.uniform(kill - 0.4, kill + 0.4) * share
                while len(server.received) < enough:  # noqa: ASYNC110  # another process is at work, and tells nobody
                    await anyio.sleep(0.001)
                run.kill()
            assert not answers.exists(), "it is there when it is complete"
            kept |= written_down(journal)
        last = await anyio.run_process(command, env=environment, check=False)
        assert last.returncode == 0, last.stderr.decode()
        bought = paid(server, script)
    told = [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()]
    assert [line["id"] for line in told] == [f"r{number}" for number in range(REQUESTS)]
    final = {(f"question {line['line'] - 1}", line["response"]["content"]) for line in told}
    assert len(final) == REQUESTS
    assert final <= set(bought), "every answer is the one that was given to that question"
    assert kept <= {answer for _, answer in final}, "what was written down is what is told"
    again = Counter(question for question, _ in bought).total() - REQUESTS
    assert again <= KILLS * CONCURRENCY, "only what was under way when it was killed is asked again"
