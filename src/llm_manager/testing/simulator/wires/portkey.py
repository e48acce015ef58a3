"""Portkey's gateway as a client sees it, in front of any wire.

Read out of the gateway itself (npm ``@portkey-ai/gateway`` 1.15.2) and Portkey's pages on headers, configs and the
response schema, 2026-11-21; ``tests/real`` asks the real one and this one the same things and compares. Played
are its refusals, fallback and nested targets, retries, ``override_params``, the request timeout and the headers it
adds. Load balancing takes the first target; caches and guardrails are left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, cast

from llm_manager.testing.simulator.play import Answer, Play
from llm_manager.testing.simulator.received import Received

Fields: TypeAlias = Mapping[str, object]
Ask: TypeAlias = Callable[[Received], Answer | Play]
"""Puts a request to the vendor behind the gateway."""

_MODES = frozenset({"single", "fallback", "loadbalance", "conditional"})
_PROVIDERS = frozenset({"openai", "groq", "anthropic", "google", "ollama", "lmstudio", "azure-openai", "together-ai"})
_RETRIED = (429, 500, 502, 503, 504)
_TIMED_OUT = 408


class _Refused(Exception):
    """Why the gateway does not begin; it leaves the reading of the headers and goes no further than `gateway`."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spoken:
    """What came of one target: how it was reached, and how often it was asked again."""

    outcome: Answer | Play
    index: str
    provider: str
    retries: int


def is_addressed(received: Received) -> bool:
    """Whether the client takes us for the gateway."""
    return any(name in received.headers for name in ("x-portkey-provider", "x-portkey-config", "x-portkey-api-key"))


def gateway(received: Received, ask: Ask) -> Answer | Play:
    """The gateway's answer to *received*; *ask* is how it reaches a vendor."""
    try:
        config = _config(received.headers)
    except _Refused as refused:
        return _failure(refused.message)
    spoken = _target(config, "config", received, ask)
    if isinstance(spoken.outcome, Play):
        return spoken.outcome
    return _relayed(spoken, spoken.outcome, received.headers.get("x-portkey-trace-id", "trace-simulated"))


def _failure(message: str) -> Answer:
    body = json.dumps({"status": "failure", "message": message}).encode()
    return Answer(status=400, headers={"content-type": "application/json"}, parts=(body,))


def _config(headers: Mapping[str, str]) -> Fields:
    """The config of a request; without one, its provider is the only target."""
    provider, text = headers.get("x-portkey-provider"), headers.get("x-portkey-config")
    if provider is None and text is None:
        raise _Refused("Either x-portkey-config or x-portkey-provider header is required")
    if provider is not None and provider not in _PROVIDERS and not provider.startswith("@"):
        raise _Refused("Invalid provider passed")
    config: Fields = {} if text is None else _parsed(text)
    mode = _fields(config, "strategy").get("mode", "single")
    if mode not in _MODES:
        raise _Refused("Invalid config passed")
    if provider is None and "provider" not in config and "targets" not in config:
        raise _Refused(
            "Either x-portkey-provider needs to be passed. "
            "Or the x-portkey-config header should have a valid config with provider details in it."
        )
    return config if provider is None else {"provider": provider, **config}


def _parsed(text: str) -> Fields:
    try:
        config = json.loads(text)
    except ValueError:
        config = None
    if not isinstance(config, dict):
        raise _Refused("Invalid config passed. You need to pass a valid json")
    return cast("Fields", config)


def _target(target: Fields, index: str, received: Received, ask: Ask) -> _Spoken:
    """Ask one target, or those inside it until one answers."""
    inside = cast("Sequence[Fields]", target.get("targets", ()))
    if not inside:
        return _retried(target, index, received, ask)
    strategy = _fields(target, "strategy")
    tried = inside if strategy.get("mode") == "fallback" else inside[:1]
    spoken = _target(_inherited(target, tried[0]), f"{index}.targets[0]", received, ask)
    for position, each in enumerate(tried[1:], start=1):
        if not _moves_on(spoken.outcome, strategy):
            break
        spoken = _target(_inherited(target, each), f"{index}.targets[{position}]", received, ask)
    return spoken


def _inherited(outer: Fields, inner: Fields) -> Fields:
    return {**{name: outer[name] for name in ("retry", "override_params", "provider") if name in outer}, **inner}


def _moves_on(outcome: Answer | Play, strategy: Fields) -> bool:
    if isinstance(outcome, Play):
        return False
    listed = strategy.get("on_status_codes")
    if isinstance(listed, list):
        return outcome.status in cast("list[object]", listed)
    return outcome.status >= 400


def _retried(target: Fields, index: str, received: Received, ask: Ask) -> _Spoken:
    retry = _fields(target, "retry")
    attempts = cast("int", retry.get("attempts", 0))
    codes = cast("Sequence[int]", retry.get("on_status_codes", _RETRIED))
    sent = _sent(target, received)
    outcome, retries = ask(sent), 0
    while retries < attempts and isinstance(outcome, Answer) and outcome.status in codes:
        outcome, retries = ask(sent), retries + 1
    exhausted = attempts > 0 and isinstance(outcome, Answer) and outcome.status in codes
    timed = _timed(outcome, received.headers.get("x-portkey-request-timeout"))
    return _Spoken(
        outcome=timed, index=index, provider=str(target.get("provider", "")), retries=-1 if exhausted else retries
    )


def _sent(target: Fields, received: Received) -> Received:
    """What the vendor gets: the target's own parameters, its key, and none of the gateway's headers."""
    headers = {name: value for name, value in received.headers.items() if not name.startswith("x-portkey-")}
    if "api_key" in target:
        headers["authorization"] = f"Bearer {target['api_key']}"
    elif "virtual_key" in target or "x-portkey-virtual-key" in received.headers or _is_slug(target):
        headers["authorization"] = "Bearer kept-by-portkey"
    override = _fields(target, "override_params")
    body = json.dumps({**received.json, **override}).encode() if override else received.body
    return replace(received, headers=headers, body=body)


def _is_slug(target: Fields) -> bool:
    return str(target.get("provider", "")).startswith("@")


def _timed(outcome: Answer | Play, timeout_ms: str | None) -> Answer | Play:
    if timeout_ms is None or isinstance(outcome, Play) or outcome.after_s * 1000 <= float(timeout_ms):
        return outcome
    said = f"Request exceeded the timeout sent in the request: {timeout_ms}ms"
    body = {"error": {"message": said, "type": "timeout_error", "param": None, "code": None}}
    return Answer(
        status=_TIMED_OUT,
        headers={"content-type": "application/json"},
        parts=(json.dumps(body).encode(),),
        after_s=float(timeout_ms) / 1000,
    )


def _relayed(spoken: _Spoken, answer: Answer, trace_id: str) -> Answer:
    added = {
        "x-portkey-last-used-option-index": spoken.index,
        "x-portkey-trace-id": trace_id,
        "x-portkey-retry-attempt-count": str(spoken.retries),
        "x-portkey-cache-status": "DISABLED",
        "x-portkey-provider": spoken.provider,
    }
    parts = answer.parts
    if answer.status >= 400 and answer.status != _TIMED_OUT:
        parts = (_told(b"".join(parts), spoken.provider),)
    return replace(answer, headers={**answer.headers, **added}, parts=parts)


def _told(body: bytes, provider: str) -> bytes:
    """The vendor's error with the vendor's name in it."""
    fields = cast("Fields", json.loads(body))
    error = _fields(fields, "error")
    shape = {name: error.get(name) for name in ("type", "param", "code")}
    message = f"{provider} error: {error.get('message')}"
    return json.dumps({"error": {"message": message, **shape}, "provider": provider}).encode()


def _fields(fields: Fields, name: str) -> Fields:
    found = fields.get(name)
    return cast("Fields", found) if isinstance(found, dict) else {}
