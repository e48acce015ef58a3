"""Where a request can go: a model at a provider, resolved from the configuration and the catalog."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from llm_manager.domain.catalog import ModelFacts, ProviderFacts
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import ModelSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One model, and all that is needed to reach it except the key.

    *model* is its own name, which goes over the wire and into responses and errors, whatever alias led to it.
    *service* names the provider port that serves it: the provider itself or ``portkey``. *base_url* is where the
    request goes; *custom_host* is what a gateway is told to forward to. *key_pool* names the API keys that may be sent
    there, None where there are none, and *headers* are sent with every request. *key* is what the circuit breaker, the
    limiter and the retry budget file it under: never an API key. *alternates* are further targets that the gateway
    itself may fall back to.
    """

    model: str
    provider: ProviderFacts
    facts: ModelFacts
    service: str
    base_url: str
    key: str
    key_pool: str | None = None
    headers: tuple[tuple[str, Secret], ...] = ()
    custom_host: str | None = None
    virtual_key: Secret | None = None
    settings: ModelSettings | None = None
    alternates: tuple[Target, ...] = ()

    @property
    def default_max_tokens(self) -> int | None:
        """The limit of an answer to send when the caller names none; None where the wire does not want one."""
        default = self.provider.default_max_tokens
        return default if default is None else min(default, self.facts.max_output_tokens or default)


@lru_cache(maxsize=256)
def server_of(base_url: str) -> tuple[str, int | None] | None:
    """The host and the port that *base_url* leads to, and nothing else that may stand in it; None if it is no URL.

    >>> server_of("https://api.openai.com/v1"), server_of("http://127.0.0.1:8787/v1"), server_of("")
    (('api.openai.com', 443), ('127.0.0.1', 8787), None)
    """
    try:
        parts = urlsplit(base_url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname else None
