"""What goes out over our own connections of httpx2, which have no client before them."""

from __future__ import annotations

import httpx2
import pytest

from llm_manager.adapters.http.httpx_connections import Answer, Connections

URL = "http://127.0.0.1:8787/v1/chat/completions"


def sent(method: str, url: str, content: bytes) -> dict[bytes, bytes]:
    """The head of a request, without what the agent calls itself."""
    connections = Connections(httpx2.AsyncHTTPTransport, 1)
    built = connections.build_request(method, url, headers={"accept": "a/b"}, content=content, extensions={})
    found = dict(built.headers.raw)
    assert found.pop(b"user-agent").startswith(b"python-httpx2/")
    return found


def test_a_request_names_its_host_and_its_length_and_what_it_was_given() -> None:
    assert sent("POST", URL, b"{}") == {b"host": b"127.0.0.1:8787", b"accept": b"a/b", b"content-length": b"2"}


def test_a_request_without_a_body_has_no_length() -> None:
    assert sent("GET", "https://api.example.com/v1/models", b"") == {b"host": b"api.example.com", b"accept": b"a/b"}


class Kept(httpx2.AsyncHTTPTransport):
    """Answers at once, and remembers whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.is_closed = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, request=request, stream=httpx2.ByteStream(b"{}"))

    async def aclose(self) -> None:
        self.is_closed = True
        await super().aclose()


@pytest.mark.anyio
@pytest.mark.parametrize(("idle_s", "closed"), [(60.0, [False, False, False]), (-1.0, [True, True, True])])
async def test_connections_are_used_again_and_the_idle_ones_are_closed(idle_s: float, closed: list[bool]) -> None:
    made: list[Kept] = []

    def connect() -> Kept:
        made.append(Kept())
        return made[-1]

    connections = Connections(connect, 3, idle_s)

    async def send() -> Answer:
        limits = {"timeout": {"connect": 1.0, "pool": 0.01}}
        request = connections.build_request("GET", URL, headers={}, content=b"", extensions=limits)
        return await connections.send(request, stream=True, follow_redirects=False)

    answers = [await send() for _ in range(3)]
    with pytest.raises(httpx2.PoolTimeout):
        await send()
    for answer in answers:
        await answer.aclose()
    await (await send()).aclose()
    assert [each.is_closed for each in made[:3]] == closed
    await connections.aclose()
    assert all(each.is_closed for each in made)
