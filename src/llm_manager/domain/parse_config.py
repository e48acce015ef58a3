"""Untrusted settings to a configuration: every problem at once, with its path, its source and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import get_args
from urllib.parse import urlsplit

from returns.result import Failure, Success

from llm_manager.domain.base_urls import url_problem
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.conversation_place import conversation_place
from llm_manager.domain.decode import decoded, nearest
from llm_manager.domain.environment import Layered
from llm_manager.domain.errors import ConfigurationError, LLMError
from llm_manager.domain.model_names import price_problems
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.providers import PORTKEY, provider_problems, providers_of
from llm_manager.domain.redis_address import redis_address
from llm_manager.domain.secret_problems import secret_problems, sourced
from llm_manager.domain.settings import ModelSettings, RedisSettings, Retryable


def parse_config(mapping: Mapping[str, object]) -> Outcome[LLMConfig, ConfigurationError]:
    """The configuration that *mapping* describes: the sections and fields of :class:`LLMConfig`."""
    return configured(Layered(mapping, {}))


def configured(layered: Layered) -> Outcome[LLMConfig, ConfigurationError]:
    """The configuration of settings that came from several places."""
    read = decoded(LLMConfig, layered.tree, is_secret=_is_secret)
    problems = [*layered.problems, *read.problems]
    if read.value is not None:
        problems.extend(_checked(read.value))
    if read.value is None or problems:
        problems.extend([] if read.value is None else secret_problems(read.value))  # all that is wrong, at once
        return Failure(ConfigurationError(tuple(sourced(problem, layered.sources) for problem in problems)))
    return Success(replace(read.value, sources=dict(layered.sources)))


def _is_secret(path: str) -> bool:
    shown_by_nobody = path.startswith(("keys.", "redis.url", "conversations.url"))
    is_secret_field = path.endswith((".key", "virtual_key", "base_url"))
    return shown_by_nobody or is_secret_field or ".base_urls." in path or ".headers." in path


def _checked(config: LLMConfig) -> Iterator[Problem]:
    """What types cannot say."""
    yield from _keys(config)
    yield from _providers(config)
    for provider, url in config.http.base_urls.items():
        yield from _url(f"http.base_urls.{provider}", url, config)
        yield from _provider(f"http.base_urls.{provider}", provider, config)
    proxy_said = None if config.http.proxy is None else proxy_problem(config.http.proxy)
    if proxy_said is not None:
        yield Problem("http.proxy", proxy_said)
    yield from _retryable(config.retry.retryable)
    yield from _redis(config.redis)
    place = None if config.conversations.url is None else conversation_place(config.conversations.url)
    if isinstance(place, Failure):
        yield Problem("conversations.url", place.failure())
    yield from _models(config)
    for task, chain in config.routing.chains.items():
        if not chain:
            yield Problem(f"routing.chains.{task}", "is empty: name at least one model")


def _keys(config: LLMConfig) -> Iterator[Problem]:
    for provider in config.keys.providers:
        yield from _provider(f"keys.providers.{provider}", provider, config)
    for provider, groups in config.keys.groups.items():
        count = len(config.keys.providers.get(provider, ()))
        if len(groups) > count:
            said = f"names the accounts of {len(groups)} keys, but {provider} has {count}"
            yield Problem(f"keys.groups.{provider}", said)


def _models(config: LLMConfig) -> Iterator[Problem]:
    for alias, settings in config.models.items():
        if settings.base_url is not None:
            yield from _url(f"models.{alias}.base_url", settings.base_url, config)
        if settings.provider is not None and settings.provider not in providers_of(config):
            yield from _provider(f"models.{alias}.provider", settings.provider, config)
        if settings.pool and settings != ModelSettings(pool=settings.pool):
            said = "makes the name stand for several models: write what is to hold for one of them under its own name"
            yield Problem(f"models.{alias}.pool", said)
    yield from price_problems(config)


def _retryable(retryable: Retryable | None) -> Iterator[Problem]:
    tags = [kind.__name__ for kind in get_args(LLMError)]
    named = () if retryable is None or callable(retryable) else retryable
    for tag in named:
        if tag not in tags:
            yield Problem("retry.retryable", f"{tag!r} is the tag of no error: {nearest(tag, tags)}")


def _redis(settings: RedisSettings) -> Iterator[Problem]:
    found = None if settings.url is None else redis_address(settings.url)
    if isinstance(found, Failure):
        yield Problem("redis.url", found.failure())
    if not settings.prefix.isprintable() or not settings.prefix or set(settings.prefix) & set("{} "):
        yield Problem(
            "redis.prefix", "is empty, or holds a space, a brace or what cannot be printed: write a plain name"
        )


def _provider(path: str, name: str, config: LLMConfig) -> Iterator[Problem]:
    known = [*providers_of(config), PORTKEY]
    if name not in known:
        yield Problem(path, f"{name!r} is no provider: {nearest(name, known)}")


def _providers(config: LLMConfig) -> Iterator[Problem]:
    yield from provider_problems(config)
    for name, settings in config.providers.items():
        if settings.base_url is not None:
            yield from _url(f"providers.{name}.base_url", settings.base_url, config)


def _url(path: str, url: str, config: LLMConfig) -> Iterator[Problem]:
    said = url_problem(url, allow_http=config.http.allow_http)
    if said is not None:
        yield Problem(path, said)


def proxy_problem(url: str) -> str | None:
    """Why *url* names no proxy that an engine could use; its text is not shown, for it may hold a password."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if usable and url.isprintable() and " " not in url:
        return None
    return "is no http or https URL: write one like http://proxy.example.com:3128"
