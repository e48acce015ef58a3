"""Every exception class of the HTTP libraries becomes a value of ours: which one, for each class that there is.

A new release that brings a class without a place here fails these tests.
"""

from __future__ import annotations

import inspect
import socket
import ssl
from types import ModuleType

import aiohttp
import anyio
import httpcore2
import httpx2
import pytest
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict, CIMultiDictProxy
from returns.result import Failure
from yarl import URL

from llm_manager.adapters.http.aiohttp_engine import error_before_head
from llm_manager.adapters.http.engine import HttpCall
from llm_manager.adapters.http.httpx_engine import HttpxEngine
from llm_manager.domain.errors import InvalidRequest, LLMError, NetworkError, RequestTimedOut
from llm_manager.domain.settings import HttpSettings, TimeoutSettings

CALL = HttpCall(method="POST", url="https://one.example/v1", headers={}, pool="one", model="M")


def kind_of(error: LLMError) -> str:
    """The class of *error*, and what tells its cases apart."""
    match error:
        case NetworkError(cause=cause, ambiguous=ambiguous):
            return f"{cause}{', ambiguous' if ambiguous else ''}"
        case RequestTimedOut(phase=phase):
            return f"timed out, {phase}"
        case InvalidRequest():
            return "invalid request"
        case _:
            return error.tag


def classes_of(library: ModuleType, *roots: type[BaseException]) -> dict[str, type[BaseException]]:
    return {name: each for name, each in vars(library).items() if inspect.isclass(each) and issubclass(each, roots)}


HTTPX2 = {
    "CloseError": "reset, ambiguous",
    "ConnectError": "connect",
    "ConnectTimeout": "connect",
    "LocalProtocolError": "invalid request",
    "NetworkError": "reset, ambiguous",
    "PoolTimeout": "local",
    "ProtocolError": "reset, ambiguous",
    "ProxyError": "connect",
    "ReadError": "reset, ambiguous",
    "ReadTimeout": "timed out, first_byte",
    "RemoteProtocolError": "reset, ambiguous",
    "SSEError": "reset, ambiguous",
    "TimeoutException": "timed out, first_byte",
    "TransportError": "reset, ambiguous",
    "UnsupportedProtocol": "invalid request",
    "WriteError": "reset",
    "WriteTimeout": "timed out, first_byte",
}
"""Those of a transport. The other classes of httpx2 are raised by what is not used: redirects, ``raise_for_status``,
cookies, decoding, and a body that is read twice."""

BELOW: dict[str, tuple[Exception, str]] = {
    "a reset": (ConnectionResetError(104, "reset"), "reset, ambiguous"),
    "an error of the system": (OSError(5, "i/o"), "reset, ambiguous"),
    "a timeout": (TimeoutError(), "timed out, first_byte"),
    "a certificate": (ssl.SSLCertVerificationError(1, "self-signed certificate"), "tls"),
    "TLS": (ssl.SSLError(1, "bad record"), "tls"),
    "a host without an address": (socket.gaierror(-2, "unknown"), "dns"),
    "anyio.BrokenResourceError": (anyio.BrokenResourceError(), "reset, ambiguous"),
    "anyio.BusyResourceError": (anyio.BusyResourceError("reading"), "reset, ambiguous"),
    "anyio.ClosedResourceError": (anyio.ClosedResourceError(), "reset, ambiguous"),
    "anyio.EndOfStream": (anyio.EndOfStream(), "reset, ambiguous"),
}


class Failing(httpx2.AsyncBaseTransport):
    def __init__(self, error: Exception) -> None:
        self._error = error

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        del request
        raise self._error


async def through_httpx2(error: Exception) -> str:
    async with httpx2.AsyncClient(transport=Failing(error)) as client:
        opened = await HttpxEngine(HttpSettings(), TimeoutSettings(), client).open(CALL)
    assert isinstance(opened, Failure)
    return kind_of(opened.failure())


def test_the_table_of_httpx2_is_complete() -> None:
    assert sorted(classes_of(httpx2, httpx2.TransportError)) == sorted(HTTPX2)


def test_what_httpcore2_raises_httpx2_has_a_class_for() -> None:
    below = {*classes_of(httpcore2, Exception)} - {"ConnectionNotAvailable"}  # which its own pool catches
    assert below <= {*HTTPX2}


@pytest.mark.anyio
@pytest.mark.parametrize("name", HTTPX2)
async def test_an_error_of_httpx2_becomes_ours(name: str) -> None:
    assert await through_httpx2(getattr(httpx2, name)("said")) == HTTPX2[name]


@pytest.mark.anyio
@pytest.mark.parametrize("name", BELOW)
async def test_an_error_from_below_httpx2_becomes_ours(name: str) -> None:
    error, kind = BELOW[name]
    assert await through_httpx2(error) == kind


KEY = ConnectionKey("one.example", 443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)
INFO = aiohttp.RequestInfo(URL(CALL.url), "POST", CIMultiDictProxy(CIMultiDict[str]()), URL(CALL.url))

AIOHTTP: dict[str, tuple[Exception, str]] = {
    "ClientConnectionError": (aiohttp.ClientConnectionError("x"), "reset, ambiguous"),
    "ClientConnectionResetError": (aiohttp.ClientConnectionResetError("x"), "reset, ambiguous"),
    "ClientConnectorCertificateError": (
        aiohttp.ClientConnectorCertificateError(KEY, ssl.SSLCertVerificationError(1, "self-signed")),
        "tls",
    ),
    "ClientConnectorDNSError": (aiohttp.ClientConnectorDNSError(KEY, OSError(1, "x")), "dns"),
    "ClientConnectorError": (aiohttp.ClientConnectorError(KEY, OSError(1, "x")), "connect"),
    "ClientConnectorSSLError": (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "x")), "tls"),
    "ClientError": (aiohttp.ClientError("x"), "reset, ambiguous"),
    "ClientHttpProxyError": (aiohttp.ClientHttpProxyError(INFO, ()), "connect"),
    "ClientOSError": (aiohttp.ClientOSError(1, "x"), "reset, ambiguous"),
    "ClientPayloadError": (aiohttp.ClientPayloadError("x"), "reset, ambiguous"),
    "ClientProxyConnectionError": (aiohttp.ClientProxyConnectionError(KEY, OSError(1, "x")), "connect"),
    "ClientResponseError": (aiohttp.ClientResponseError(INFO, ()), "reset, ambiguous"),
    "ClientSSLError": (aiohttp.ClientSSLError(KEY, OSError(1, "x")), "tls"),
    "ConnectionTimeoutError": (aiohttp.ConnectionTimeoutError("x"), "connect"),
    "ContentTypeError": (aiohttp.ContentTypeError(INFO, ()), "reset, ambiguous"),
    "InvalidURL": (aiohttp.InvalidURL("x"), "invalid request"),
    "InvalidUrlClientError": (aiohttp.InvalidUrlClientError("x"), "invalid request"),
    "InvalidUrlRedirectClientError": (aiohttp.InvalidUrlRedirectClientError("x"), "invalid request"),
    "NonHttpUrlClientError": (aiohttp.NonHttpUrlClientError("x"), "invalid request"),
    "NonHttpUrlRedirectClientError": (aiohttp.NonHttpUrlRedirectClientError("x"), "invalid request"),
    "RedirectClientError": (aiohttp.RedirectClientError("x"), "reset, ambiguous"),
    "ServerConnectionError": (aiohttp.ServerConnectionError("x"), "reset, ambiguous"),
    "ServerDisconnectedError": (aiohttp.ServerDisconnectedError("x"), "reset, ambiguous"),
    "ServerFingerprintMismatch": (aiohttp.ServerFingerprintMismatch(b"x", b"y", "one.example", 443), "tls"),
    "ServerTimeoutError": (aiohttp.ServerTimeoutError("x"), "reset, ambiguous"),
    "SocketTimeoutError": (aiohttp.SocketTimeoutError("x"), "reset, ambiguous"),
    "TooManyRedirects": (aiohttp.TooManyRedirects(INFO, ()), "reset, ambiguous"),
    "UploadAbortedError": (aiohttp.UploadAbortedError("x"), "reset, ambiguous"),
    "WSServerHandshakeError": (aiohttp.WSServerHandshakeError(INFO, ()), "reset, ambiguous"),
    "a handshake that was hung up on": (aiohttp.ClientConnectorError(KEY, ConnectionResetError()), "tls"),
    "a certificate": (ssl.SSLCertVerificationError(1, "self-signed"), "tls"),
    "a host that is no name": (UnicodeError("x"), "dns"),
    "a value": (ValueError("x"), "invalid request"),
    "a reset": (ConnectionResetError(104, "x"), "reset, ambiguous"),
}


def test_the_table_of_aiohttp_is_complete() -> None:
    assert {*classes_of(aiohttp, aiohttp.ClientError)} <= {*AIOHTTP}


@pytest.mark.parametrize("name", AIOHTTP)
def test_an_error_of_aiohttp_becomes_ours(name: str) -> None:
    error, kind = AIOHTTP[name]
    assert kind_of(error_before_head(error, CALL, TimeoutSettings())) == kind
