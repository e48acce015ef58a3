"""The way through Portkey's gateway, on the OpenAI wire: the headers it wants, and which errors are its own.

Found on 2026-11-21 by asking the gateway itself (npm ``@portkey-ai/gateway`` 1.15.2, see ``tests/real``) and in
Portkey's documentation of headers and configs. ``x-portkey-mode`` is sent as documented although this version decides
by ``strategy.mode`` inside the config.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, final

from llm_manager.adapters.dialects.dialect import Headers
from llm_manager.adapters.dialects.json_values import as_object, as_text, parse_json
from llm_manager.adapters.dialects.statuses import MESSAGE_LENGTH
from llm_manager.adapters.whole_answer import is_success
from llm_manager.domain.errors import GatewayError
from llm_manager.domain.events import GatewayTimed
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import PortkeySettings
from llm_manager.domain.target import Target
from llm_manager.ports import Clock, Dispatch

LISTING_S = 10.0
"""How long the gateway may take over a list of models."""


@final
class Gateway:
    """The way through the gateway; *key* is the user's with Portkey."""

    __slots__ = ("_clock", "_key", "_settings")

    def __init__(self, settings: PortkeySettings, key: Secret | None, clock: Clock) -> None:
        self._settings = settings
        self._key = key
        self._clock = clock

    def keys(self, keys: Mapping[str, Secret], /) -> Mapping[str, Secret]:
        """*keys* and the one of the gateway."""
        return keys if self._key is None else {**keys, "portkey": self._key}

    def headers(self, target: Target, keys: Mapping[str, Secret], dispatch: Dispatch | None, /) -> Headers:
        """Who asks, for which provider, and how the gateway may fall back."""
        if dispatch is None:
            return _headers(replace(target, alternates=()), self._settings, keys, LISTING_S)
        headers = _headers(target, self._settings, keys, dispatch.timeout_s)
        headers["x-portkey-cache-namespace"] = dispatch.request.namespace
        if dispatch.trace_id is not None:
            headers["x-portkey-trace-id"] = dispatch.trace_id
        return headers

    def arrived(self, dispatch: Dispatch, headers: Headers, /) -> Target:
        """The target that answered, after its timings have been told if they are wanted."""
        if self._settings.timings:
            now_s = self._clock.monotonic()
            dispatch.observer.notify(_timed(dispatch, headers, now_s))
        return answered_by(dispatch.target, headers)

    def refusal(self, status: int, body: bytes, /) -> GatewayError | None:
        """The gateway's own failure; None when the answer is the model's behind it.

        Its own errors are ``{"status": "failure", "message": ...}``; what a provider said keeps the shape of that wire
        and names the provider.
        """
        if is_success(status):
            return None
        try:
            answer = as_object(parse_json(body))
        except ValueError:
            return None
        if answer.get("status") != "failure":
            return None
        return GatewayError(status, (as_text(answer.get("message")) or "")[:MESSAGE_LENGTH])


def _headers(target: Target, settings: PortkeySettings, keys: Mapping[str, Secret], timeout_s: float) -> dict[str, str]:
    headers = {"x-portkey-request-timeout": str(max(int(timeout_s * 1000), 1)), "x-portkey-mode": settings.mode}
    if "portkey" in keys:
        headers["x-portkey-api-key"] = keys["portkey"].reveal()
    if settings.metadata:
        headers["x-portkey-metadata"] = json.dumps(dict(settings.metadata))
    if settings.config is not None:
        headers["x-portkey-config"] = settings.config
    elif target.alternates:
        headers["x-portkey-config"] = json.dumps(_fallback_config((target, *target.alternates), keys))
    else:
        headers.update(_provider_headers(target, keys))
    return headers


def _provider_headers(target: Target, keys: Mapping[str, Secret]) -> dict[str, str]:
    headers = {"x-portkey-provider": _slug(target)}
    named = None if target.virtual_key is None else target.virtual_key.reveal()
    if named is not None and named.startswith("@"):  # a provider of the user's account, the successor of virtual keys
        headers["x-portkey-provider"] = named
    elif named is not None:
        headers["x-portkey-virtual-key"] = named
    if target.custom_host is not None:
        headers["x-portkey-custom-host"] = target.custom_host
    key = keys.get(target.key_pool or "")
    if key is not None:
        headers["authorization"] = f"Bearer {key.reveal()}"
    return headers


def _slug(target: Target) -> str:
    return target.provider.portkey_slug or target.provider.name


def _fallback_config(targets: Sequence[Target], keys: Mapping[str, Secret]) -> dict[str, Any]:
    """A config by which the gateway asks *targets* in order; each names its own model."""
    return {"strategy": {"mode": "fallback"}, "targets": [_config_target(target, keys) for target in targets]}


def _config_target(target: Target, keys: Mapping[str, Secret]) -> dict[str, Any]:
    fields: dict[str, Any] = {"provider": _slug(target), "override_params": {"model": target.model}}
    key = keys.get(target.key_pool or "")
    if key is not None:
        fields["api_key"] = key.reveal()
    if target.virtual_key is not None:
        fields["virtual_key"] = target.virtual_key.reveal()
    if target.custom_host is not None:
        fields["custom_host"] = target.custom_host
    return fields


def answered_by(target: Target, headers: Mapping[str, str]) -> Target:
    """Which of the targets answered: the gateway counts those of its config from 0."""
    chain = (target, *target.alternates)
    index = option_index(headers)
    return chain[index] if index is not None and index < len(chain) else target


def option_index(headers: Mapping[str, str]) -> int | None:
    """The place of the target that answered, from ``config.targets[1]`` or a bare number."""
    text = headers.get("x-portkey-last-used-option-index", "")
    digits = "".join(character for character in text if character.isdigit())
    return int(digits) if digits else None


def _timed(dispatch: Dispatch, headers: Headers, now_s: float) -> GatewayTimed:
    """What ``DEBUG_PORTKEY_TIMING`` shows of one call."""
    retries = headers.get("x-portkey-retry-attempt-count", "0")
    return GatewayTimed(
        at_s=now_s,
        model=dispatch.target.model,
        trace_id=headers.get("x-portkey-trace-id") or dispatch.trace_id or "",
        latency_ms=(now_s - dispatch.sent_s) * 1000,
        retries=int(retries) if retries.lstrip("-").isdigit() else 0,
        option_index=option_index(headers),
        cache_status=headers.get("x-portkey-cache-status"),
    )
