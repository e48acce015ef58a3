"""Models behind HTTP: the provider port on any dialect, whichever way a request takes to get there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol, final

from returns.result import Failure, Success

from llm_manager.adapters.bodies import has_body, read_body, read_listing
from llm_manager.adapters.conversing import answering, reader_answering
from llm_manager.adapters.dialects.dialect import Dialect, Headers, is_answered
from llm_manager.adapters.http.driver import Http, HttpAnswer, HttpStream
from llm_manager.adapters.http.engine import HttpCall
from llm_manager.adapters.incoming import Streamed
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import LLMError
from llm_manager.domain.masking import Mask
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.secret import Secret
from llm_manager.domain.target import Target
from llm_manager.ports import Dispatch, Incoming
from llm_manager.ports.providers import ignore

_COMMON = {"content-type": "application/json", "accept-encoding": "gzip, deflate"}


class Route(Protocol):
    """The way to a provider and back."""

    def keys(self, keys: Mapping[str, Secret], /) -> Mapping[str, Secret]:
        """*keys* and those that belong to the way itself."""
        ...

    def headers(self, target: Target, keys: Mapping[str, Secret], dispatch: Dispatch | None, /) -> Headers:
        """What shows it who asks whom; *dispatch* is None when only a list of models is asked for."""
        ...

    def arrived(self, dispatch: Dispatch, headers: Headers, /) -> Target:
        """The head of an answer is there: who gave it."""
        ...

    def refusal(self, status: int, body: bytes, /) -> LLMError | None:
        """The error that the way itself made, None if the answer is the provider's."""
        ...


@final
class Hosted:
    """The providers that speak *dialect* at the end of *route*."""

    __slots__ = ("_dialect", "_http", "_idle_s", "_route", "_settings")

    def __init__(self, http: Http, config: LLMConfig, dialect: Dialect, route: Route) -> None:
        self._http = http
        self._settings = config.http
        self._idle_s = config.timeouts.idle_s
        self._dialect = dialect
        self._route = route

    async def complete(self, dispatch: Dispatch, /) -> Outcome[LLMResponse, LLMError]:
        """One answer."""
        keys = self._route.keys(dispatch.keys)
        answered = await self._http.call(self._question(dispatch, keys, streamed=False), works_first=True)
        if isinstance(answered, Failure):
            return answered
        answer = answered.unwrap()
        by = self._route.arrived(dispatch, answer.headers)
        return mask_of(keys, dispatch.target).outcome(await self._read(answer, by, dispatch))

    async def stream(self, dispatch: Dispatch, /) -> Outcome[Incoming, LLMError]:
        """One answer as it comes; an error is read as a whole."""
        keys = self._route.keys(dispatch.keys)
        opened = await self._http.stream(self._question(dispatch, keys, streamed=True))
        if isinstance(opened, Failure):
            return opened
        stream = opened.unwrap()
        by = self._route.arrived(dispatch, stream.headers)
        mask = mask_of(keys, dispatch.target)
        if is_answered(stream.status) and has_body(stream.status):
            read = self._dialect.reader(stream.headers, by)
            return Success(
                Streamed(
                    stream,
                    reader_answering(read, self._dialect, dispatch.request, dispatch.target),
                    self._dialect.framing,
                    self._settings,
                    partial(self._read_body, stream, by, dispatch),
                    idle_s=self._idle_s,
                    model=by.model,
                    mask=mask,
                )
            )
        return mask.outcome(Failure(await self._failed(stream, by, dispatch)))

    async def models(self, target: Target, keys: Mapping[str, Secret], /) -> Outcome[tuple[str, ...], LLMError]:
        """What the provider lists."""
        known = self._route.keys(keys)
        answered = await self._http.call(self._listing(target, known))
        if isinstance(answered, Failure):
            return answered
        answer = answered.unwrap()
        refused = self._route.refusal(answer.status, answer.body)
        listed = read_listing(self._dialect, answer, target)
        return mask_of(known, target).outcome(listed if refused is None else Failure(refused))

    def _listing(self, target: Target, keys: Mapping[str, Secret]) -> HttpCall:
        headers = self._headers("application/json", self._route.headers(target, keys, None))
        return _call("GET", self._dialect.models_path, target, headers, b"", ignore)

    def _question(self, dispatch: Dispatch, keys: Mapping[str, Secret], *, streamed: bool) -> HttpCall:
        target = dispatch.target
        encoded = self._dialect.encode(dispatch.request, target, streamed)
        accepted = self._dialect.stream_type if streamed else "application/json"
        headers = self._headers(accepted, {**dispatch.headers, **self._route.headers(target, keys, dispatch)})
        return _call("POST", encoded.path, target, headers, encoded.body, dispatch.on_head)

    def _headers(self, accepted: str, known: Headers) -> Headers:
        return {**_COMMON, "accept": accepted, **self._dialect.headers, **known}

    async def _failed(self, stream: HttpStream, by: Target, dispatch: Dispatch) -> LLMError:
        try:
            body = await stream.whole(self._settings.max_body_bytes)
        finally:
            await stream.aclose()
        read = body if isinstance(body, Failure) else await self._read_body(stream, by, dispatch, body.unwrap())
        return read.failure()

    async def _read_body(
        self, stream: HttpStream, by: Target, dispatch: Dispatch, body: bytes
    ) -> Outcome[LLMResponse, LLMError]:
        return await self._read(HttpAnswer(status=stream.status, headers=stream.headers, body=body), by, dispatch)

    async def _read(self, answer: HttpAnswer, by: Target, dispatch: Dispatch) -> Outcome[LLMResponse, LLMError]:
        refused = self._route.refusal(answer.status, answer.body)
        if refused is not None:
            return Failure(refused)
        read = await read_body(self._dialect, answer.status, answer.headers, answer.body, by)
        return answering(read, self._dialect, dispatch.request, dispatch.target)


@final
class Direct:
    """Straight to the provider, with its own key."""

    __slots__ = ("_dialect",)

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def keys(self, keys: Mapping[str, Secret], /) -> Mapping[str, Secret]:
        """No more."""
        return keys

    def headers(self, target: Target, keys: Mapping[str, Secret], _dispatch: Dispatch | None, /) -> Headers:
        """The key of the target's own pool, as the provider or its wire carries it, and what is stated of it."""
        return own_headers(self._dialect, target, keys)

    def arrived(self, dispatch: Dispatch, _headers: Headers, /) -> Target:
        """Who was asked."""
        return dispatch.target

    def refusal(self, _status: int, _body: bytes, /) -> None:
        """Nobody stands between."""


def _call(
    method: str, path: str, target: Target, headers: Headers, body: bytes, on_head: Callable[[], None]
) -> HttpCall:
    return HttpCall(
        method=method,
        url=f"{target.base_url}/{path}",
        headers=headers,
        body=body,
        pool=target.base_url,
        model=target.model,
        on_head=on_head,
    )


def own_headers(dialect: Dialect, target: Target, keys: Mapping[str, Secret]) -> Headers:
    """What shows *target* itself who asks: the key that belongs to its address, and the headers stated for it."""
    key = None if target.key_pool is None else keys.get(target.key_pool)
    own = target.provider.key_header
    shown = dialect.authorization(key) if own is None else {} if key is None else {own.lower(): key.reveal()}
    return {**shown, **{name: value.reveal() for name, value in target.headers}}


def mask_of(keys: Mapping[str, Secret], target: Target) -> Mask:
    """What hides the secrets that were sent to *target*, which a vendor may echo in what it says of a failure."""
    return Mask((*keys.values(), *(value for _, value in target.headers)))
