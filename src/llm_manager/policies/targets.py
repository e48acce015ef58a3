"""From a name to a target: what the configuration and the catalog make of ``gpt``, ``groq/some-model`` or ``mine``."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TypeAlias

from returns.result import Failure, Success

from llm_manager.domain.base_urls import address
from llm_manager.domain.catalog import (
    FAMILIES,
    FAMILY_PREFIXES,
    FREE,
    PORTKEY_URL,
    PROVIDERS,
    Capability,
    ModelFacts,
    ProviderFacts,
)
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import AuthenticationFailed, ConfigurationError, InvalidRequest
from llm_manager.domain.model_names import facts_of, listed_price, missing_rates, provider_and_model, stated_rates
from llm_manager.domain.models import MODELS, catalog_day
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.provider_facts import LimitField
from llm_manager.domain.providers import IN_PROCESS, PORTKEY, key_pools, providers_of
from llm_manager.domain.secret import Secret
from llm_manager.domain.secret_problems import model_secret_problems, provider_secret_problems
from llm_manager.domain.settings import ModelSettings
from llm_manager.domain.target import Target, server_of
from llm_manager.policies.addresses import Address, address_of, provider_url
from llm_manager.policies.calendar import current_name, ended
from llm_manager.policies.engines import engine_of
from llm_manager.policies.pricing import in_region
from llm_manager.policies.stated_facts import with_settings

NoTarget: TypeAlias = InvalidRequest | AuthenticationFailed | ConfigurationError

_NOTHING = ModelSettings()


@lru_cache(maxsize=1024)
def resolve(config: LLMConfig, name: str, day: str | None = None) -> Outcome[Target, NoTarget]:
    """The target that *name* stands for: an alias of the configuration, a family, a model of the catalog,
    ``provider/model``, or a model whose name tells its provider. For a pool it is the first of its members that can be
    asked. A family whose model has ended by *day* stands for the one that the vendor names in its place.

    A model that the catalog does not know is usable, its window and price unknown. Fails with ``InvalidRequest`` when
    no provider can be told, with ``AuthenticationFailed`` when its provider has no key, and with ``ConfigurationError``
    when its key cannot be sent or would go to a server that it was not configured for.
    """
    settings = config.models.get(name, _NOTHING)
    if settings.pool:
        return _first_member(config, name, settings.pool)
    found = _resolve_settings(config, name, settings, day)
    if isinstance(found, Failure):
        return found
    target = found.unwrap()
    listed = listed_price(config, target.facts)
    problems = () if listed is not None else tuple(missing_rates(name, settings, target.facts))
    return Failure(ConfigurationError(problems)) if problems else found


def _first_member(config: LLMConfig, name: str, members: Sequence[str]) -> Outcome[Target, NoTarget]:
    """The first of the *members* of the pool *name* that can be asked, or why the first of them cannot."""
    nested = next((member for member in members if config.models.get(member, _NOTHING).pool), None)
    if nested is not None:
        said = f"names {nested!r}, which is a pool itself: name its members"
        return Failure(ConfigurationError((Problem(f"models.{name}.pool", said),)))
    unknown: list[Outcome[Target, NoTarget]] = []
    for member in members:
        found = resolve(config, member)
        if isinstance(found, Success):
            return found
        unknown.append(found)
    return unknown[0]


def _resolve_settings(
    config: LLMConfig, name: str, settings: ModelSettings, day: str | None
) -> Outcome[Target, NoTarget]:
    if settings.provider is not None:
        return _resolve_alias(config, name, settings, settings.provider)
    wanted = name if settings.model is None else settings.model
    if wanted not in FAMILIES:
        return _resolve_model(config, name, wanted, settings)
    missing: list[NoTarget] = []
    for model in FAMILIES[wanted]:
        found = _resolve_model(config, name, model, settings)
        if isinstance(found, Success):
            return _moved_on(config, name, found, settings, day)
        missing.append(found.failure())
    hints = dict.fromkeys(hint for each in missing for hint in _hints(each))
    return Failure(AuthenticationFailed(name, message="; or ".join(hints)))


def _moved_on(
    config: LLMConfig, name: str, found: Success[Target], settings: ModelSettings, day: str | None
) -> Outcome[Target, NoTarget]:
    target = found.unwrap()
    current = None if day is None or ended(target, day) is None else current_name(target, day)
    if current is None:
        return found
    return _resolve_model(config, name, f"{target.provider.name}/{current}", settings)


def is_configured(config: LLMConfig, provider: ProviderFacts) -> bool:
    """Can *provider* be asked: has it a key or a gateway, or, where it needs none, an address?"""
    if not provider.needs_key:
        return bool(provider_url(config, provider))
    if provider.portkey_slug is not None and config.keys.providers.get(PORTKEY):
        return True  # the gateway may hold the provider's key itself
    return bool(key_pools(config).get(provider.name))


def has_access(config: LLMConfig, provider: ProviderFacts, model: str) -> bool:
    """Is *provider* configured by a key or an address of its own, or by a virtual key for the family of *model*?"""
    if not provider.needs_key:
        return is_configured(config, provider)
    return bool(key_pools(config).get(provider.name)) or (
        has_gateway(config) and provider.portkey_slug is not None and _family_key(config, model) is not None
    )


def family_of(model: str) -> str | None:
    """The family that the name of *model* belongs to, at whichever provider it is.

    >>> family_of("gpt-4"), family_of("claude-3-opus"), family_of("llama-70b"), family_of("mine")
    ('gpt', 'claude', 'llama', None)
    """
    return next((family for family, prefixes in FAMILY_PREFIXES.items() if model.startswith(prefixes)), None)


def _family_key(config: LLMConfig, model: str) -> Secret | None:
    """The virtual key that ``models.<family>`` holds for the family of *model*."""
    family = family_of(model)
    settings = None if family is None else config.models.get(family)
    return None if settings is None else settings.virtual_key


def has_gateway(config: LLMConfig) -> bool:
    """Does every hosted model go through Portkey?"""
    return bool(config.keys.providers.get(PORTKEY)) or PORTKEY in config.http.base_urls


def known_names(config: LLMConfig) -> tuple[str, ...]:
    """Every name that stands for a model that can be asked: the configuration's own, the families, and those of the
    catalog that had not ended on its day."""
    day = catalog_day()
    chats = (
        name
        for name, facts in MODELS.items()
        if facts.kind == "chat" and (facts.ends_on is None or facts.ends_on > day)
    )
    return tuple(dict.fromkeys((*config.models, *FAMILIES, *chats)))


def _resolve_alias(
    config: LLMConfig, name: str, settings: ModelSettings, provider_name: str
) -> Outcome[Target, NoTarget]:
    provider = providers_of(config).get(provider_name)
    if provider is None:
        known = ", ".join(providers_of(config))
        problem = Problem(f"models.{name}.provider", f"unknown provider {provider_name!r}: use one of {known}")
        return Failure(ConfigurationError((problem,)))
    model = settings.model or name
    if provider.wire == "llama_cpp" and settings.path is None:
        problem = Problem(f"models.{name}.path", "a model of llama_cpp needs the path of its GGUF file")
        return Failure(ConfigurationError((problem,)))
    return _target(config, name, model, provider, settings)


def _resolve_model(config: LLMConfig, name: str, wanted: str, settings: ModelSettings) -> Outcome[Target, NoTarget]:
    found = provider_and_model(wanted, providers_of(config))
    if found is None:
        return Failure(_unknown(config, wanted))
    provider, model = found
    return _target(config, name, model, provider, settings)


def _target(
    config: LLMConfig, name: str, model: str, provider: ProviderFacts, settings: ModelSettings
) -> Outcome[Target, NoTarget]:
    found = address_of(config, name, provider, settings)
    if isinstance(found, Failure):
        return found
    own = found.unwrap()
    region = _region_of(provider, own.base_url)
    facts = facts_of(provider, model, is_vendors=region is not None)
    gateway = provider.portkey_slug is not None and has_gateway(config) and settings.base_url is None
    virtual_key = (settings.virtual_key or _family_key(config, model)) if gateway else None
    missing = _missing(config, model, provider, own, virtual_key, has_gateway=gateway)
    if missing is not None:
        return Failure(missing)
    broken = _broken(config, name, provider, own, has_gateway=gateway)
    if broken:
        return Failure(ConfigurationError(broken))
    base_url = address(config.http.base_urls.get(PORTKEY, PORTKEY_URL), "/v1") if gateway else own.base_url
    return Success(
        Target(
            model=model,
            provider=replace(provider, limit_field=_limit_field(config, provider, settings, model, region)),
            facts=with_settings(_known_facts(config, facts, provider, settings, region, has_gateway=gateway), settings),
            service=PORTKEY if gateway else provider.name,
            base_url=base_url,
            key=_key_of(provider.name, base_url, model if settings.path is None else engine_of(settings), own.key_pool),
            key_pool=own.key_pool,
            headers=() if gateway else own.headers,
            custom_host=own.base_url if gateway and own.stated_url else None,
            virtual_key=virtual_key,
            settings=settings,
        )
    )


def _key_of(provider: str, base_url: str, model: str, pool: str | None) -> str:
    """A model at an address; with API keys of its own it is a deployment of its own, with circuit and limits."""
    account = "" if pool in (None, provider) else f"|{pool}"
    return f"{provider}|{base_url}|{model}{account}"


def provider_of_key(key: str) -> str:
    """The name of the provider whose target is filed under *key*."""
    return key.partition("|")[0]


def _limit_field(
    config: LLMConfig, provider: ProviderFacts, settings: ModelSettings, model: str, region: str | None
) -> LimitField:
    """The one stated for the model or its provider; at a server that only speaks the vendor's wire the older name,
    which all know and some alone, unless the model is the vendor's own and refuses that: then a proxy passes it on."""
    stated = config.providers.get(provider.name)
    own = settings.limit_field or (None if stated is None else stated.limit_field)
    is_older = _is_copy(provider, region) and not model.startswith(provider.keeps_limit_field)
    return own or ("max_tokens" if is_older else provider.limit_field)


def _is_copy(provider: ProviderFacts, region: str | None) -> bool:
    """Is another server asked than that of the vendor, whose wire it speaks?"""
    row = PROVIDERS.get(provider.name)
    return region is None and row is not None and bool(row.base_url)


def _broken(
    config: LLMConfig, name: str, provider: ProviderFacts, own: Address, *, has_gateway: bool
) -> tuple[Problem, ...]:
    """What is wrong with the secrets that would be sent to this target."""
    of_gateway = provider_secret_problems(config, PORTKEY) if has_gateway else ()
    of_provider = provider_secret_problems(config, provider.name)
    sent = of_provider if own.key_pool == provider.name or own.headers else ()
    return (*of_gateway, *sent, *model_secret_problems(config, name))


def _known_facts(
    config: LLMConfig,
    facts: ModelFacts,
    provider: ProviderFacts,
    settings: ModelSettings,
    region: str | None,
    *,
    has_gateway: bool,
) -> ModelFacts:
    """*facts* with the listed price (no cost for a self-hosted model without one), less what the gateway loses.

    At the vendor's address of a *region* everything has the price of that region; where it is None, the address is that
    of another server, which ends the model when it wants to.
    """
    price = listed_price(config, facts)
    if price is None and provider.self_hosted and not stated_rates(settings):
        price = FREE
    if price is not None and region:
        price = in_region(price, region)
    if region is None:
        facts = replace(facts, ends_on=None, successor=None)
    lost = provider.lost_behind_gateway if has_gateway else frozenset[Capability]()
    stated = config.providers.get(provider.name)
    if _is_copy(provider, region) and (stated is None or stated.capabilities is None):
        lost |= provider.lost_at_copies
    return replace(facts, price=price, capabilities=facts.capabilities - lost)


def _region_of(provider: ProviderFacts, url: str) -> str | None:
    """The region that an address of the vendor names, "" for its main one: ``eu`` in ``eu.api.openai.com``.

    None for that of another server, which has its own models and its own days for the same names.
    """
    row = PROVIDERS.get(provider.name)
    vendors, asked = server_of("" if row is None else row.base_url), server_of(url)
    if asked is None:
        return ""
    if vendors is None:
        return None
    host, suffix = asked[0], vendors[0]
    if host == suffix:
        return ""
    return host.removesuffix(f".{suffix}") if host.endswith(f".{suffix}") else None


def _missing(
    config: LLMConfig,
    name: str,
    provider: ProviderFacts,
    own: Address,
    virtual_key: Secret | None,
    *,
    has_gateway: bool,
) -> AuthenticationFailed | ConfigurationError | None:
    """What keeps *provider* from being asked: no key, or no address where it has none of its own."""
    can_go_without = not provider.needs_key or own.is_foreign or virtual_key is not None
    held_by_gateway = has_gateway and bool(config.keys.providers.get(PORTKEY))
    if own.key_pool is None and not can_go_without and not held_by_gateway:
        said = f"no key for {provider.name} is configured: set {provider.key_variable}"
        return AuthenticationFailed(name, message=said)
    if not own.base_url and not has_gateway and provider.wire not in IN_PROCESS:
        way = f"providers.{provider.name}.base_url" if provider.url_variable is None else provider.url_variable
        said = f"{provider.name} has no address: set {way}"
        return ConfigurationError((Problem(f"http.base_urls.{provider.name}", said),))
    return None


def _hints(error: NoTarget) -> Iterable[str]:
    if isinstance(error, AuthenticationFailed):
        return (error.message,)
    return (each.message if each.source is None else f"{each.source} {each.message}" for each in error.problems)


def _unknown(config: LLMConfig, name: str) -> InvalidRequest:
    near = difflib.get_close_matches(name, known_names(config), cutoff=0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    said = f"unknown model {name!r}{hint} (write provider/model for one that is not in the catalog)"
    return InvalidRequest((Problem("preferences.model", said),))
