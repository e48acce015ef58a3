"""How a Redis may be: patient, quick to be given up, not there, or full of what we never wrote."""

from __future__ import annotations

from typing import cast

from llm_manager import (
    BreakerSettings,
    LimiterSettings,
    RedisSettings,
)
from llm_manager.adapters.system import SystemClock
from redis_server import RedisServer

NOW = SystemClock()
NOWHERE = "redis://127.0.0.1:9"
PATIENT = RedisSettings(timeout_s=10, rest_s=0.05)
QUICK = RedisSettings(timeout_s=0.1, rest_s=5)
CLOSED = RedisSettings(timeout_s=0.1, rest_s=2, when_away="closed")
TEN = LimiterSettings(requests_per_minute=10, tokens_per_minute=1000)
BUDGET = "{llm_manager:budget:all}"
TOUCHY = BreakerSettings(failure_threshold=1, open_s=60.0)

FOREIGN: dict[str, tuple[str | bytes, ...]] = {
    "text": ("SET", "foreign"),
    "bytes": ("SET", b"\xff\x00\xfe"),
    "empty": ("SET", ""),
    "json": ("SET", '{"a": [1, 2]}'),
    "deep": ("SET", "[" * 100_000),
    "long": ("SET", "x" * 100_000),
    "list": ("RPUSH", "a"),
    "hash": ("HSET", "at", "never"),
    "numbers": ("HSET", "at", "nan"),
    "set": ("SADD", "a"),
    "sorted": ("ZADD", "1", "a 1"),
}


def litter(redis: RedisServer, kind: str) -> None:
    """Replace what every key holds by something that we never wrote."""
    command, *values = FOREIGN[kind]
    for key in cast("list[bytes]", redis.ask("KEYS", "*")):
        redis.ask("DEL", key)
        redis.ask(command, key, *values)


def falls_silent(redis: RedisServer) -> None:
    """No account has said anything for years."""
    accounts = cast("list[bytes]", redis.ask("HGETALL", f"{BUDGET}:accounts"))
    for name, text in zip(accounts[::2], accounts[1::2], strict=True):
        redis.ask("HSET", f"{BUDGET}:accounts", name, b" ".join((*text.split()[:3], b"1")))
