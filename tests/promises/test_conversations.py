"""No turn that was acknowledged is lost, and none is written over: with real processes, some of them killed.

Scaled down, unless ``PROMISES=full`` asks for 500 kills and twice 1,000 turns, as ``make promises`` does.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import pytest

from postgres_server import PostgresServer
from redis_server import RedisServer
from tests.conversations.promises import kill, race

IS_FULL = os.environ.get("PROMISES") == "full"
KILLS, TIMES, WITHIN_S = (500, 1_000, 1_800) if IS_FULL else (12, 40, 170)


def test_no_turn_that_was_acknowledged_is_lost_when_its_process_is_killed(tmp_path: Path) -> None:
    found = kill(f"sqlite:///{tmp_path / 'chats.db'}", KILLS, 1, WITHIN_S)
    assert found["acknowledged"] >= KILLS
    assert (found["lost"], found["twice"], found["halves"]) == (0, 0, 0)


@pytest.mark.parametrize("kind", ["sqlite", "postgres", "redis"])
def test_every_turn_of_two_processes_is_stored_once_or_is_a_conflict(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    raced, asked = race(_url(kind, tmp_path, request), TIMES, WITHIN_S)
    stored = [said for each in raced for said in each["stored"]]
    assert [said for each in raced for said in each["other"]] == []
    assert len(stored) + sum(each["conflicts"] for each in raced) == 2 * TIMES
    assert sorted(asked) == sorted(stored)


def _url(kind: str, folder: Path, request: pytest.FixtureRequest) -> str:
    if kind == "sqlite":
        return f"sqlite:///{folder / 'chats.db'}"
    return cast("PostgresServer | RedisServer", request.getfixturevalue(kind)).url
