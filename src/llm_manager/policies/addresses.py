"""Where a model is asked, and with whose keys: a key is sent to the address it was configured with and to no other.

The rule of this room: what is secret of a provider (its keys, its headers) belongs to the server that the configuration
names for this provider. A model that is asked at another server brings a key of its own, or goes without one.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from returns.result import Failure, Success

from llm_manager.domain.base_urls import address, is_local, is_same_server, url_problem
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import ConfigurationError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.provider_facts import ProviderFacts
from llm_manager.domain.providers import key_pools, own_pool
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import ModelSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a model of a provider is, what may be sent there, and what the configuration states of its URL.

    *is_foreign* holds for a server that is not the one of its provider. *stated_url* is None where the catalog's own
    address stands.
    """

    base_url: str
    key_pool: str | None
    headers: tuple[tuple[str, Secret], ...] = ()
    is_foreign: bool = False
    stated_url: str | None = None


def address_of(
    config: LLMConfig, name: str, provider: ProviderFacts, settings: ModelSettings
) -> Outcome[Address, ConfigurationError]:
    """The address of the model *name*, stated by *settings*, at *provider*.

    Fails where another server than the provider's is to be asked without a key of its own, unless it is on this
    machine or the provider needs none.
    """
    own_url = provider_url(config, provider)
    url = settings.base_url or own_url
    said = url_problem(url, allow_http=True) if url else None  # the driver refuses what is not encrypted
    if said is not None:
        return Failure(ConfigurationError((Problem(_path(config, name, provider, settings), said),)))
    is_foreign = settings.base_url is not None and not is_same_server(settings.base_url, own_url)
    if is_foreign and settings.key is None and provider.needs_key and not is_local(url):
        return Failure(ConfigurationError((_no_key(name, provider, url, own_url),)))
    return Success(
        Address(
            base_url=address(url, provider.version_path),
            key_pool=_pool(config, name, provider, settings, is_foreign=is_foreign),
            headers=() if is_foreign else _headers(config, provider),
            is_foreign=is_foreign,
            stated_url=settings.base_url or config.http.base_urls.get(provider.name),
        )
    )


def provider_url(config: LLMConfig, provider: ProviderFacts) -> str:
    """Where *provider* is by ``providers``, else ``http.base_urls``, else the catalog; empty if that is not known."""
    stated = config.providers.get(provider.name)
    if stated is not None and stated.base_url is not None:
        return stated.base_url
    return config.http.base_urls.get(provider.name) or provider.base_url


def _pool(
    config: LLMConfig, name: str, provider: ProviderFacts, settings: ModelSettings, *, is_foreign: bool
) -> str | None:
    pool = provider.name if settings.key is None else own_pool(name)
    is_barred = is_foreign and settings.key is None
    return None if is_barred or not key_pools(config).get(pool) else pool


def _headers(config: LLMConfig, provider: ProviderFacts) -> tuple[tuple[str, Secret], ...]:
    stated = config.providers.get(provider.name)
    return () if stated is None else tuple((header.lower(), value) for header, value in stated.headers.items())


def _path(config: LLMConfig, name: str, provider: ProviderFacts, settings: ModelSettings) -> str:
    if settings.base_url is not None:
        return f"models.{name}.base_url"
    stated = config.providers.get(provider.name)
    is_stated = stated is not None and stated.base_url is not None
    return f"providers.{provider.name}.base_url" if is_stated else f"http.base_urls.{provider.name}"


def _no_key(name: str, provider: ProviderFacts, url: str, own_url: str) -> Problem:
    host = urlsplit(url).hostname
    home = urlsplit(own_url).hostname
    belongs = f"the key of {provider.name} belongs to {home}" if home else f"{provider.name} has no address of its own"
    said = (
        f"is missing: {belongs} and is not sent to {host}; write the key for {host} here (or name its variable in "
        f"key_variable), or, for a server that takes none, provider = 'vllm' or one stated under [providers]"
    )
    return Problem(f"models.{name}.key", said)
