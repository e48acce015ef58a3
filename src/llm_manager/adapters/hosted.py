"""Models behind HTTP: the provider port on the OpenAI wire, directly or through the Portkey gateway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import final

from returns.result import Failure

from llm_manager.adapters.dialects.openai import chat_body
from llm_manager.adapters.dialects.openai_answers import read_answer, read_models
from llm_manager.adapters.http import Http, HttpAnswer, HttpCall
from llm_manager.adapters.portkey import answered_by, gateway_headers, read_gateway_error, timed
from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import PortkeySettings
from llm_manager.domain.target import Target
from llm_manager.ports import Clock, Dispatch

_COMMON = {"content-type": "application/json", "accept": "application/json", "accept-encoding": "gzip, deflate"}


@final
class OpenAICompatible:
    """Every provider of the OpenAI wire that is called directly."""

    __slots__ = ("_http",)

    def __init__(self, http: Http) -> None:
        self._http = http

    async def complete(self, dispatch: Dispatch, /) -> Outcome[LLMResponse, LLMError]:
        """One chat completion."""
        target = dispatch.target
        headers = {**_COMMON, **_authorization(target, dispatch.keys)}
        body = chat_body(dispatch.request, target)
        answered = await self._http.call(_call("POST", "chat/completions", target, headers, body))
        if isinstance(answered, Failure):
            return answered
        answer = _clean(answered.unwrap(), dispatch.keys)
        return read_answer(answer.status, answer.headers, answer.body, target)

    async def models(self, target: Target, keys: Mapping[str, Secret], /) -> Outcome[tuple[str, ...], LLMError]:
        """``GET /models``."""
        headers = {**_COMMON, **_authorization(target, keys)}
        answered = await self._http.call(_call("GET", "models", target, headers, b""))
        if isinstance(answered, Failure):
            return answered
        answer = _clean(answered.unwrap(), keys)
        return read_models(answer.status, answer.headers, answer.body, target)


@final
class Portkey:
    """Every hosted provider, through the gateway."""

    __slots__ = ("_clock", "_http", "_key", "_settings")

    def __init__(self, http: Http, settings: PortkeySettings, key: Secret | None, clock: Clock) -> None:
        self._http = http
        self._settings = settings
        self._key = key
        self._clock = clock

    async def complete(self, dispatch: Dispatch, /) -> Outcome[LLMResponse, LLMError]:
        """One chat completion; the response names the target that gave it when the gateway fell back."""
        target = dispatch.target
        keys = self._with_own(dispatch.keys)
        headers = gateway_headers(
            target,
            self._settings,
            keys=keys,
            trace_id=dispatch.trace_id,
            timeout_s=dispatch.timeout_s,
            namespace=dispatch.request.namespace,
        )
        body = chat_body(dispatch.request, target)
        started_s = self._clock.monotonic()
        answered = await self._http.call(_call("POST", "chat/completions", target, {**_COMMON, **headers}, body))
        if isinstance(answered, Failure):
            return answered
        answer = _clean(answered.unwrap(), keys)
        self._time(dispatch, answer, started_s)
        refused = read_gateway_error(answer.status, answer.body)
        if refused is not None:
            return Failure(refused)
        by = answered_by(target, answer.headers)
        return read_answer(answer.status, answer.headers, answer.body, by)

    async def models(self, target: Target, keys: Mapping[str, Secret], /) -> Outcome[tuple[str, ...], LLMError]:
        """What the provider behind the gateway lists."""
        known = self._with_own(keys)
        headers = gateway_headers(
            replace(target, alternates=()),
            self._settings,
            keys=known,
            trace_id=None,
            timeout_s=10.0,
            namespace="",
        )
        answered = await self._http.call(_call("GET", "models", target, {**_COMMON, **headers}, b""))
        if isinstance(answered, Failure):
            return answered
        answer = _clean(answered.unwrap(), known)
        refused = read_gateway_error(answer.status, answer.body)
        if refused is not None:
            return Failure(refused)
        return read_models(answer.status, answer.headers, answer.body, target)

    def _with_own(self, keys: Mapping[str, Secret]) -> Mapping[str, Secret]:
        return keys if self._key is None else {**keys, "portkey": self._key}

    def _time(self, dispatch: Dispatch, answer: HttpAnswer, started_s: float) -> None:
        if not self._settings.timings:
            return
        now_s = self._clock.monotonic()
        latency_ms = (now_s - started_s) * 1000
        dispatch.observer.notify(timed(dispatch.target, answer.headers, dispatch.trace_id, now_s, latency_ms))


def _call(method: str, path: str, target: Target, headers: Mapping[str, str], body: bytes) -> HttpCall:
    return HttpCall(
        method=method,
        url=f"{target.base_url}/{path}",
        headers=headers,
        body=body,
        pool=target.base_url,
        model=target.model,
    )


def _authorization(target: Target, keys: Mapping[str, Secret]) -> Mapping[str, str]:
    key = keys.get(target.provider.name)
    return {} if key is None else {"authorization": f"Bearer {key.reveal()}"}


def _clean(answer: HttpAnswer, keys: Mapping[str, Secret]) -> HttpAnswer:
    """*answer* without the keys that a vendor may echo in it."""
    body = answer.body
    for key in keys.values():
        body = body.replace(key.reveal().encode(), repr(key).encode())
    return answer if body is answer.body else replace(answer, body=body)
