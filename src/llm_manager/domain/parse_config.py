"""Untrusted settings to a configuration: every problem at once, with its path, its source and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from ipaddress import ip_address
from typing import get_args
from urllib.parse import urlsplit

from returns.result import Failure, Success

from llm_manager.domain.catalog import PROVIDERS
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.conversation_place import conversation_place
from llm_manager.domain.decode import FOUND_LENGTH, decoded, nearest
from llm_manager.domain.environment import Layered
from llm_manager.domain.errors import ConfigurationError, LLMError
from llm_manager.domain.model_names import price_problems
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.redis_address import redis_address
from llm_manager.domain.secret import Secret, key_problem
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
        return Failure(ConfigurationError(tuple(_sourced(problem, layered.sources) for problem in problems)))
    return Success(replace(read.value, sources=dict(layered.sources)))


def _is_secret(path: str) -> bool:
    shown_by_nobody = path.startswith(("keys.", "redis.url", "conversations.url"))
    return shown_by_nobody or path.endswith(("virtual_key", "base_url")) or ".base_urls." in path


def _sourced(problem: Problem, sources: Mapping[str, str]) -> Problem:
    """*problem* with the source of the setting it is about: the same path, or the nearest one around or inside it."""
    if problem.source is not None:
        return problem
    path = problem.path
    while path and path not in sources:
        path = path.rpartition(".")[0]
    inside = (source for at, source in sources.items() if at.startswith(f"{problem.path}."))
    return replace(problem, source=sources.get(path) or next(inside, None))


def _checked(config: LLMConfig) -> Iterator[Problem]:
    """What types cannot say."""
    yield from _keys(config)
    for provider, url in config.http.base_urls.items():
        yield from _url(f"http.base_urls.{provider}", url, config)
        yield from _provider(f"http.base_urls.{provider}", provider)
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
    for provider, keys in config.keys.providers.items():
        yield from _provider(f"keys.providers.{provider}", provider)
        for index, key in enumerate(keys):
            yield from _key(f"keys.providers.{provider}.{index}", key)
    for provider, groups in config.keys.groups.items():
        count = len(config.keys.providers.get(provider, ()))
        if len(groups) > count:
            said = f"names the accounts of {len(groups)} keys, but {provider} has {count}"
            yield Problem(f"keys.groups.{provider}", said)


def _models(config: LLMConfig) -> Iterator[Problem]:
    for alias, settings in config.models.items():
        if settings.base_url is not None:
            yield from _url(f"models.{alias}.base_url", settings.base_url, config)
        if settings.provider is not None and settings.provider not in PROVIDERS:
            yield from _provider(f"models.{alias}.provider", settings.provider)
        if settings.virtual_key is not None:
            yield from _key(f"models.{alias}.virtual_key", settings.virtual_key)
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


def _provider(path: str, name: str) -> Iterator[Problem]:
    if name not in PROVIDERS and name != "portkey":
        yield Problem(path, f"{name!r} is no provider: {nearest(name, [*PROVIDERS, 'portkey'])}")


def _key(path: str, key: Secret) -> Iterator[Problem]:
    said = key_problem(key)
    if said is not None:
        yield Problem(path, said)


def _url(path: str, url: str, config: LLMConfig) -> Iterator[Problem]:
    """What is wrong with a base URL. Its text is shown only where it cannot hold a password."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        yield Problem(path, "is no URL: write one like https://api.example.com/v1")
        return
    if parts.username is not None or parts.password is not None:
        yield Problem(path, "holds credentials: put the key under keys.providers and leave it out of the URL")
    elif parts.scheme not in ("http", "https") or not host or not url.isprintable() or " " in url:
        yield Problem(
            path, f"is no http or https URL: {url[:FOUND_LENGTH]!r}; write one like https://api.example.com/v1"
        )
    elif parts.scheme == "http" and not config.http.allow_http and not is_loopback(host):
        yield Problem(path, "is not encrypted: use https, or set http.allow_http for a network you trust")
    if parts.query or parts.fragment:
        yield Problem(path, "has a query or fragment: leave it out")


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


def is_loopback(host: str) -> bool:
    """Does *host* name this machine itself?"""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=256)
def is_encrypted_or_local(url: str) -> bool:
    """May *url* be called without a user's express wish: is it https, or on this machine?"""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
