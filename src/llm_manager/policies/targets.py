"""From a name to a target: what the configuration and the catalog make of ``gpt``, ``groq/some-model`` or ``mine``."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import TypeAlias

from returns.result import Failure, Success

from llm_manager.domain.catalog import (
    FAMILIES,
    FREE,
    PORTKEY_URL,
    PROVIDERS,
    Capability,
    ModelFacts,
    Price,
    ProviderFacts,
)
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import AuthenticationFailed, ConfigurationError, InvalidRequest
from llm_manager.domain.models import MODELS
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.settings import ModelSettings
from llm_manager.domain.target import Target

NoTarget: TypeAlias = InvalidRequest | AuthenticationFailed | ConfigurationError

_NOTHING = ModelSettings()


@lru_cache(maxsize=1024)
def resolve(config: LLMConfig, name: str) -> Outcome[Target, NoTarget]:
    """The target that *name* stands for: an alias of the configuration, a family, a model of the catalog,
    ``provider/model``, or a model whose name tells its provider.

    A model that the catalog does not know is usable, its window and price unknown. Fails with ``InvalidRequest`` when
    no provider can be told, with ``AuthenticationFailed`` when its provider has no key.
    """
    settings = config.models.get(name, _NOTHING)
    if settings.provider is not None:
        return _resolve_alias(config, name, settings, settings.provider)
    wanted = name if settings.model is None else settings.model
    if wanted not in FAMILIES:
        return _resolve_model(config, wanted, settings)
    missing: list[NoTarget] = []
    for model in FAMILIES[wanted]:
        found = _resolve_model(config, model, settings)
        if isinstance(found, Success):
            return found
        missing.append(found.failure())
    hints = dict.fromkeys(hint for each in missing for hint in _hints(each))
    return Failure(AuthenticationFailed(name, message="; or ".join(hints)))


def is_configured(config: LLMConfig, provider: ProviderFacts) -> bool:
    """Can *provider* be asked: has it a key or a gateway, or, where it needs none, an address?"""
    if not provider.needs_key:
        return provider.name in config.http.base_urls
    if config.keys.providers.get("portkey"):
        return True  # the gateway may hold the provider's key itself
    return bool(config.keys.providers.get(provider.name))


def has_gateway(config: LLMConfig) -> bool:
    """Does every hosted model go through Portkey?"""
    return bool(config.keys.providers.get("portkey")) or "portkey" in config.http.base_urls


def known_names(config: LLMConfig) -> tuple[str, ...]:
    """Every name that stands for a model: the configuration's own, the families, the catalog."""
    return tuple(dict.fromkeys((*config.models, *FAMILIES, *MODELS)))


def _resolve_alias(
    config: LLMConfig, name: str, settings: ModelSettings, provider_name: str
) -> Outcome[Target, NoTarget]:
    provider = PROVIDERS.get(provider_name)
    if provider is None:
        known = ", ".join(PROVIDERS)
        problem = Problem(f"models.{name}.provider", f"unknown provider {provider_name!r}: use one of {known}")
        return Failure(ConfigurationError((problem,)))
    model = settings.model or name
    if provider.wire == "llama_cpp" and settings.path is None:
        problem = Problem(f"models.{name}.path", "a model of llama_cpp needs the path of its GGUF file")
        return Failure(ConfigurationError((problem,)))
    facts = MODELS.get(model)
    if facts is None or facts.provider != provider.name:
        facts = ModelFacts(name=model, provider=provider.name, capabilities=provider.capabilities)
    return _target(config, model, provider, facts, settings)


def _resolve_model(config: LLMConfig, wanted: str, settings: ModelSettings) -> Outcome[Target, NoTarget]:
    facts = MODELS.get(wanted)
    if facts is not None:
        return _target(config, wanted, PROVIDERS[facts.provider], facts, settings)
    prefix, slash, rest = wanted.partition("/")
    provider = PROVIDERS.get(prefix) if slash and rest else None
    model = wanted if provider is None else rest
    if provider is None:
        provider = next((row for row in PROVIDERS.values() if wanted.startswith(row.prefixes)), None)
    if provider is None or provider.wire == "llama_cpp":
        return Failure(_unknown(config, wanted))
    known = MODELS.get(model)
    if known is None or known.provider != provider.name:
        known = ModelFacts(name=model, provider=provider.name, capabilities=provider.capabilities)
    return _target(config, model, provider, known, settings)


def _target(
    config: LLMConfig, model: str, provider: ProviderFacts, facts: ModelFacts, settings: ModelSettings
) -> Outcome[Target, NoTarget]:
    own_url = settings.base_url or config.http.base_urls.get(provider.name)
    gateway = provider.portkey_slug is not None and has_gateway(config) and settings.base_url is None
    missing = _missing(config, model, provider, settings, has_address=own_url is not None or gateway)
    if missing is not None:
        return Failure(missing)
    own = _address(own_url or provider.base_url, provider.version_path)
    base_url = _address(config.http.base_urls.get("portkey", PORTKEY_URL), "/v1") if gateway else own
    return Success(
        Target(
            model=model,
            provider=provider,
            facts=_merged(
                _priced(config, facts, provider), settings, provider.lost_behind_gateway if gateway else frozenset()
            ),
            service="portkey" if gateway else provider.name,
            base_url=base_url,
            key=f"{provider.name}|{base_url}|{settings.path or model}",
            custom_host=own if gateway and own_url else None,
            virtual_key=settings.virtual_key,
            settings=settings,
        )
    )


def _address(url: str, version_path: str) -> str:
    """*url* without a slash at the end, and with the version that its wire begins with if it has no path."""
    stripped = url.rstrip("/")
    return f"{stripped}{version_path}" if stripped and stripped.count("/") == 2 else stripped


def _missing(
    config: LLMConfig, name: str, provider: ProviderFacts, settings: ModelSettings, *, has_address: bool
) -> AuthenticationFailed | ConfigurationError | None:
    """What keeps *provider* from being asked: no key, or no address where it has none of its own."""
    if provider.needs_key and not is_configured(config, provider) and settings.virtual_key is None:
        said = f"no key for {provider.name} is configured: set {provider.key_variable}"
        return AuthenticationFailed(name, message=said)
    if provider.url_variable is not None and not provider.base_url and not has_address:
        said = f"{provider.name} has no address: set {provider.url_variable}"
        return ConfigurationError((Problem(f"http.base_urls.{provider.name}", said),))
    return None


def _priced(config: LLMConfig, facts: ModelFacts, provider: ProviderFacts) -> ModelFacts:
    """*facts* with the price that the configuration gives, or no cost at all for a self-hosted one without."""
    price = config.prices.get(f"{facts.provider}/{facts.name}")
    if price is None and facts.price is None and provider.self_hosted:
        price = FREE
    return facts if price is None else replace(facts, price=price)


def _merged(facts: ModelFacts, settings: ModelSettings, lost: frozenset[Capability]) -> ModelFacts:
    """The catalog's facts, without what is *lost* on the way, where the configuration states none of its own."""
    price = facts.price
    if settings.prompt_usd is not None and settings.completion_usd is not None:
        price = Price(
            prompt_usd=settings.prompt_usd,
            completion_usd=settings.completion_usd,
            cached_usd=settings.cached_usd,
            cache_write_usd=settings.cache_write_usd,
            reasoning_usd=settings.reasoning_usd,
            as_of="",
            source="configuration",
        )
    return ModelFacts(
        name=facts.name,
        provider=facts.provider,
        capabilities=facts.capabilities - lost if settings.capabilities is None else settings.capabilities,
        window_tokens=settings.window_tokens or settings.context_tokens or facts.window_tokens,
        max_output_tokens=settings.max_output_tokens or facts.max_output_tokens,
        price=price,
        unsupported=facts.unsupported,
        typical_latency_ms=facts.typical_latency_ms,
    )


def _hints(error: NoTarget) -> Iterable[str]:
    return (error.message,) if isinstance(error, AuthenticationFailed) else (each.message for each in error.problems)


def _unknown(config: LLMConfig, name: str) -> InvalidRequest:
    near = difflib.get_close_matches(name, known_names(config), cutoff=0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    said = f"unknown model {name!r}{hint} (write provider/model for one that is not in the catalog)"
    return InvalidRequest((Problem("preferences.model", said),))
