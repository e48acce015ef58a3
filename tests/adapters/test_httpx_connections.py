"""What goes out over our own connections of httpx2, which have no client before them."""

from __future__ import annotations

import httpx2

from llm_manager.adapters.http.httpx_connections import Connections

URL = "http://127.0.0.1:8787/v1/chat/completions"


def sent(method: str, url: str, content: bytes) -> dict[bytes, bytes]:
    """The head of a request, without what the agent calls itself."""
    connections = Connections(httpx2.AsyncHTTPTransport())
    built = connections.build_request(method, url, headers={"accept": "a/b"}, content=content, extensions={})
    found = dict(built.headers.raw)
    assert found.pop(b"user-agent").startswith(b"python-httpx2/")
    return found


def test_a_request_names_its_host_and_its_length_and_what_it_was_given() -> None:
    assert sent("POST", URL, b"{}") == {b"host": b"127.0.0.1:8787", b"accept": b"a/b", b"content-length": b"2"}


def test_a_request_without_a_body_has_no_length() -> None:
    assert sent("GET", "https://api.example.com/v1/models", b"") == {b"host": b"api.example.com", b"accept": b"a/b"}
