"""Where a Redis is: one URL, which may hold a password and is therefore a secret until it is taken apart."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from returns.result import Failure, Success

from llm_manager.domain.outcome import Outcome
from llm_manager.domain.secret import Secret

PORT = 6379
MOST_DIGITS = 9
"""The longest number of a database: no Redis has so many."""
SCHEMES = ("redis", "rediss", "unix")
WANTED = "write one like redis://host:6379/0, rediss://user:password@host:6379/0 or unix:///run/redis.sock"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAddress:
    """A host and port, or the *path* of a Unix socket; the number of the database; who we are there.

    Its text names the place alone: ``str(address)`` may be logged.
    """

    host: str = ""
    port: int = PORT
    path: str | None = None
    tls: bool = False
    database: int = 0
    username: str | None = None
    password: Secret | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.path is None else self.path


def redis_address(url: Secret) -> Outcome[RedisAddress, str]:
    """The address that *url* is; fails with what is wrong, which never shows the text.

    >>> redis_address(Secret("rediss://me:p%40ss@cache.example/2")).unwrap()
    RedisAddress(host='cache.example', port=6379, path=None, tls=True, database=2, username='me', \
password=Secret('...'))
    >>> print(redis_address(Secret("unix:///run/redis.sock")).unwrap())
    /run/redis.sock
    >>> redis_address(Secret("http://cache.example")).failure().partition(":")[0]
    'is no Redis URL'
    """
    text = url.reveal()
    try:
        parts = urlsplit(text)
        port = PORT if parts.port is None else parts.port
    except ValueError:
        return Failure(f"is no URL: {WANTED}")
    if parts.scheme not in SCHEMES or not text.isprintable() or " " in text:
        return Failure(f"is no Redis URL: {WANTED}")
    if parts.query or parts.fragment:
        return Failure(f"has a query or fragment: {WANTED}")
    return _unix(parts) if parts.scheme == "unix" else _tcp(parts, port)


def _unix(parts: SplitResult) -> Outcome[RedisAddress, str]:
    if not parts.path or parts.hostname:
        return Failure(f"names no socket: {WANTED}")
    return Success(RedisAddress(path=unquote(parts.path), username=_username(parts), password=_password(parts)))


def _tcp(parts: SplitResult, port: int) -> Outcome[RedisAddress, str]:
    database = parts.path.strip("/") or "0"
    if not parts.hostname or port == 0:
        return Failure(f"names no host: {WANTED}")
    if not (database.isascii() and database.isdigit() and len(database) <= MOST_DIGITS):
        return Failure(f"names a database that is no number: {WANTED}")
    return Success(
        RedisAddress(
            host=parts.hostname,
            port=port,
            tls=parts.scheme == "rediss",
            database=int(database),
            username=_username(parts),
            password=_password(parts),
        )
    )


def _username(parts: SplitResult) -> str | None:
    return unquote(parts.username) if parts.username else None


def _password(parts: SplitResult) -> Secret | None:
    return Secret(unquote(parts.password)) if parts.password else None
