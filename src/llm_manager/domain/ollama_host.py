"""``OLLAMA_HOST`` as Ollama itself reads it: its ``envconfig.Host`` and the cases in its test (read 2026-12-01)."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

PORT: Final = 11434

_PORTS: Final = {"http": 80, "https": 443}

_EVERYWHERE: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # not an address to listen on
"""Where a server listens on every address, and where a client finds it: on this machine."""

_CLOUD: Final = "ollama.com"


def ollama_host(text: str) -> str:
    """The URL that *text* stands for: a host, an address with or without brackets, a port, or a URL with a path.

    A port that is none is the usual one.

    >>> ollama_host("gpu-box"), ollama_host(":1234"), ollama_host("'::1'"), ollama_host("https://example.com/ollama")
    ('http://gpu-box:11434', 'http://127.0.0.1:1234', 'http://[::1]:11434', 'https://example.com/ollama')
    """
    bare = text.strip().strip("\"'").strip()
    if bare == _CLOUD:
        return f"https://{_CLOUD}"
    scheme, has_scheme, rest = bare.partition("://")
    if not has_scheme:
        scheme, rest = "http", bare
    host_and_port, slash, path = rest.partition("/")
    usual = _PORTS.get(scheme, PORT) if has_scheme else PORT
    host, port = _split(host_and_port, usual)
    shown_port = "" if has_scheme and port == _PORTS.get(scheme) else f":{port}"
    return f"{scheme}://{_bracketed(_EVERYWHERE.get(host, host))}{shown_port}{slash}{path}".rstrip("/")


def _split(host_and_port: str, usual: int) -> tuple[str, int]:
    host, colon, port = host_and_port.rpartition(":")
    if not colon or _is_address(host_and_port) or port.endswith("]"):
        return host_and_port.strip("[]"), usual
    is_port = port.isascii() and port.isdecimal() and int(port) <= 65535
    return host.strip("[]"), int(port) if is_port else usual


def _is_address(text: str) -> bool:
    """Is *text* an IPv6 address without a port?"""
    try:
        return ip_address(text).version == 6
    except ValueError:
        return False


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
