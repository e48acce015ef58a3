"""Base URLs: what is wrong with one, whether two lead to the same server, and what the vendors' SDKs make of one."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from llm_manager.domain.decode import FOUND_LENGTH

_ENDPOINT = re.compile(r"/(chat/completions|completions|messages|responses|api/chat|api/generate)/?$")
"""What clients add to a base URL themselves."""

_VERSION = re.compile(r"/v\d+(alpha|beta)?\d*$")


def address(url: str, version_path: str) -> str:
    """*url* without a slash at the end, and with the version that its wire begins with, unless it ends in a version.

    So anthropic 2.12 and google-genai 3.4 read a base URL, except that they repeat a version that is there already.

    >>> address("https://host/anthropic", "/v1"), address("https://host/v1/", "/v1"), address("https://host", "")
    ('https://host/anthropic/v1', 'https://host/v1', 'https://host')
    """
    stripped = url.rstrip("/")
    path = "/".join(["", *stripped.split("/")[3:]])  # a host may be called "api"
    is_complete = not stripped or path.endswith(version_path) or _VERSION.search(path) is not None
    return stripped if is_complete else f"{stripped}{version_path}"


@lru_cache(maxsize=256)
def origin(url: str) -> tuple[str, str, int | None] | None:
    """The scheme, the host and the port of *url*: whoever answers there is one party. None if it is no URL.

    >>> origin("https://API.openai.com/v1") == origin("https://api.openai.com:443/other")
    True
    """
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname else None


def is_same_server(one: str, other: str) -> bool:
    """Do both lead to the same server? What is no URL leads nowhere."""
    found = origin(one)
    return found is not None and found == origin(other)


def url_problem(url: str, *, allow_http: bool) -> str | None:
    """What is wrong with the base URL *url*. Its text is shown only where it cannot hold a password."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return "is no URL: write one like https://api.example.com/v1"
    if parts.username is not None or parts.password is not None:
        return "holds credentials: put the key under keys.providers and leave it out of the URL"
    if parts.scheme not in ("http", "https") or not host or not url.isprintable() or " " in url:
        return f"is no http or https URL: {url[:FOUND_LENGTH]!r}; write one like https://api.example.com/v1"
    if parts.scheme == "http" and not allow_http and not is_loopback(host):
        return "is not encrypted: use https, or set http.allow_http for a network you trust"
    if parts.query or parts.fragment:
        return "has a query or fragment: leave it out"
    ending = _ENDPOINT.search(parts.path)
    return None if ending is None else f"ends in {ending.group().rstrip('/')}, which is added to it: leave that off"


def is_loopback(host: str) -> bool:
    """Does *host* name this machine itself?"""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_local(url: str) -> bool:
    """Is *url* on this machine?"""
    found = origin(url)
    return found is not None and is_loopback(found[1])


@lru_cache(maxsize=256)
def is_encrypted_or_local(url: str) -> bool:
    """May *url* be called without a user's express wish: is it https, or on this machine?"""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
