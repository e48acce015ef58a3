"""A server whose certificate is of an authority of one's own: believed where the settings say so, and only there."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import anyio
import pytest
from anyio.streams.tls import TLSListener

from llm_manager import (
    CacheSettings,
    HttpSettings,
    KeySettings,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMResponse,
    NetworkError,
    Outcome,
    Preferences,
    RetrySettings,
    Secret,
    custom,
    describe,
    generate,
    provide,
)
from tests.adapters.chosen import CHOSEN

pytestmark = pytest.mark.anyio

ASK = generate(LLMRequest(prompt="hi", preferences=Preferences(model="gpt-4o", fallback="none")))
BODY = b'{"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}'
HEAD = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(BODY)}\r\nconnection: close\r\n\r\n"
MADE = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate and its key."""
    folder = tmp_path_factory.mktemp("authority")
    certificate, key = folder / "c.pem", folder / "k.pem"
    subprocess.run([*MADE.split(), "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)  # noqa: S603 - ours
    return certificate, key


async def answer(stream: anyio.abc.ByteStream) -> None:
    async with stream:
        asked = b""
        while b"\r\n\r\n" not in asked:
            asked += await stream.receive()
        await stream.send(HEAD.encode() + BODY)


async def test_an_authority_of_ones_own_is_believed_where_the_environment_is_trusted(
    authority: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = authority
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    outcomes: list[Outcome[LLMResponse, LLMError]] = []
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as plain, anyio.create_task_group() as group:
        port = plain.extra(anyio.abc.SocketAttribute.local_port)
        group.start_soon(TLSListener(plain, tls, standard_compatible=False).serve, answer)
        for trusted in (True, False):
            outcomes.append(await provide(ASK, custom(config(port, trusted=trusted))))
        group.cancel_scope.cancel()
    believed, refused = outcomes
    error = refused.failure()
    assert believed.unwrap().content == "hi"
    assert isinstance(error, NetworkError)
    assert error.cause == "tls"
    assert "in SSL_CERT_FILE or SSL_CERT_DIR, are believed with http.trust_environment alone" in describe(error)


def config(port: int, *, trusted: bool) -> LLMConfig:
    urls = {"openai": f"https://localhost:{port}/v1"}
    return LLMConfig(
        keys=KeySettings(providers={"openai": (Secret("sk-test"),)}),
        http=HttpSettings(base_urls=urls, engine=CHOSEN.engine, trust_environment=trusted),
        retry=RetrySettings(max_retries=0),
        cache=CacheSettings(enabled=False),
    )
