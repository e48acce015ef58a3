"""Every setting, by section: the fields of :class:`~llm_manager.domain.config.LLMConfig`, with their defaults.

The rule of this room: a default is written here and nowhere else, with its unit in its name and its source beside it.
None means "no limit" or "not known", and each field says which. To add a setting, add a field; the file, the
environment and ``llm-manager config`` know it from here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal, TypeAlias

from annotated_types import Ge, Gt, Le

from llm_manager.domain.errors import LLMError
from llm_manager.domain.provider_facts import Capability, LimitField, Wish
from llm_manager.domain.request import OnUnsupported
from llm_manager.domain.secret import Secret

Strategy: TypeAlias = Literal["cost", "performance", "balanced"]
MidStream: TypeAlias = Literal["fail", "restart", "continue"]
UnknownPrices: TypeAlias = Literal["refuse", "allow"]
HttpWire: TypeAlias = Literal["openai", "anthropic", "gemini", "ollama"]
HttpEngine: TypeAlias = Literal["httpx2", "aiohttp"]
ControlTokens: TypeAlias = Literal["text", "token"]
LogFormat: TypeAlias = Literal["off", "console", "json"]

Retryable: TypeAlias = tuple[str, ...] | Callable[[LLMError], bool]
"""Which errors are retried: their tags, or a function of them."""

MOST_S: Final = 1_000_000_000
"""The longest time that can be set: some thirty years. Clocks and event loops of every platform can wait it."""

MOST_COUNT: Final = 1_000_000_000_000
"""The most of anything that can be set; a float holds it exactly, and a sum of such too."""

Seconds: TypeAlias = Annotated[float, Gt(0), Le(MOST_S)]
Whole: TypeAlias = Annotated[int, Ge(0), Le(MOST_COUNT)]
Count: TypeAlias = Annotated[int, Gt(0), Le(MOST_COUNT)]
Amount: TypeAlias = Annotated[float, Ge(0), Le(MOST_COUNT)]
Part: TypeAlias = Annotated[float, Gt(0), Le(1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """One model under a name of the user's own, or new facts about one from the catalog.

    *model* is the name sent to the provider (None: the alias itself). *key* is sent to *base_url*, or to the address
    of the provider, for this model alone; *key_variable* is the environment variable that holds it. *virtual_key* is
    Portkey's, or the ``@slug`` of a provider in its account. *limit_field* is how the server calls the most tokens of
    an answer (None: ``max_tokens`` at a *base_url* of another server than the provider's). Prices are US dollars for a
    million tokens. *window_tokens* bounds prompt and answer together, *max_prompt_tokens* the prompt alone.

    *rate_limit* replaces the global section for this model, whole: a limit it does not name is none. *max_connections*
    is how many calls to it this process has under way at most. *pool* makes the name stand for several models, of
    which each call draws one by its *weight* (1 where none is given) and keeps the others as fallbacks.

    *path* and all behind it are for llama.cpp in process. *slots* is how many answers it makes at once, each with a
    whole window of *context_tokens*, for which it takes so many times the memory; further calls wait for one, and no
    attempt's time runs meanwhile, unless *max_connections* says otherwise. *cache_ram_mib* bounds the prompts that the
    engine keeps beside the last one, so that a conversation goes on sooner: 10,000 tokens may take a gigabyte, and the
    engine's own default is 8 GiB. *chat_template* replaces the one in the file. *control_tokens* says what a control
    token in a message is (``<|im_end|>``): ``text`` to be read, or the ``token``, which ends the turn and may begin
    another.
    """

    provider: str | None = None
    model: str | None = None
    base_url: str | None = None
    key: Secret | None = None
    key_variable: str | None = None
    virtual_key: Secret | None = None
    limit_field: LimitField | None = None
    capabilities: frozenset[Capability] | None = None
    window_tokens: Count | None = None
    max_prompt_tokens: Count | None = None
    max_output_tokens: Count | None = None
    prompt_usd: Amount | None = None
    completion_usd: Amount | None = None
    cached_usd: Amount | None = None
    cache_write_usd: Amount | None = None
    reasoning_usd: Amount | None = None
    rate_limit: LimiterSettings | None = None
    max_connections: Count | None = None
    pool: tuple[str, ...] = ()
    weight: Amount | None = None
    path: str | None = None
    context_tokens: Count | None = None
    threads: Count | None = None
    gpu_layers: Whole | None = None
    slots: Count = 1
    cache_ram_mib: Whole = 64
    chat_template: str | None = None
    control_tokens: ControlTokens = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """A provider under a name of the user's own, or new facts about one from the catalog.

    *key* and *headers* are sent to its address alone, *key_variable* is the environment variable that holds the key,
    and *key_header* the header that carries it as it is (None: the one of the wire). A provider of the user's own
    speaks *wire* (``openai`` if None), and can do what the first provider with that wire can unless *capabilities* and
    *unsupported* state it. The rest is as in ``llm_manager.domain.provider_facts.ProviderFacts``.
    """

    wire: HttpWire | None = None
    base_url: str | None = None
    key: Secret | None = None
    key_variable: str | None = None
    key_header: str | None = None
    headers: Mapping[str, Secret] = field(default_factory=dict[str, Secret])
    limit_field: LimitField | None = None
    capabilities: frozenset[Capability] | None = None
    unsupported: frozenset[Wish] | None = None
    default_max_tokens: Count | None = None
    asks_for_usage: bool | None = None
    self_hosted: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingSettings:
    """Which models answer which task, in order. *chains* adds to the built-in table or replaces rows of it.

    *after_filter* lets the next model be asked when one withheld its answer for its content rules. *mid_stream* says
    what becomes of a stream that breaks off in the middle: it fails; the next model answers from the start
    (``restart``); or goes on from the text that had come (``continue``). *unsupported* says what becomes of sampling
    options that a model does not take, where the request does not say it.

    *fallback_order* is asked, in this order, after the caller's own model, or after the first that can answer where
    the caller names none, in the place of what the built-in table and the other configured providers would add.
    A chain of *chains* comes before it, whole.

    *health_check_interval_s* is how often a live context lists the models of its providers in the background, so that
    a target that is well again is asked earlier than its circuit or its key would allow; None or 0 is never.
    """

    strategy: Strategy = "balanced"
    after_filter: bool = False
    mid_stream: MidStream = "fail"
    unsupported: OnUnsupported = "drop"
    chains: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    fallback_order: tuple[str, ...] = ()
    health_check_interval_s: Amount | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryBudgetSettings:
    """A token bucket per target that bounds how much retries can add to an outage (after Finagle's RetryBudget)."""

    capacity: Amount = 10.0
    cost: Amount = 1.0
    per_success: Amount = 1.0
    per_second: Amount = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySettings:
    """Exponential backoff with full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter", 2015).

    *ambiguous* lets a request that may have reached the model, and been paid for, be answered all the same: by the
    next model, or, where there is none, by asking once more. *patience_s* is the longest wait of known length while
    another model of the chain can be asked; without one, a wait of known length is a queue.

    *retryable* says which errors of a model are retried, in the place of the fault matrix: tags, such as
    ``["ServerError"]``, or in code a function of the error; None leaves it to the matrix. What may have been answered
    already is asked again once at most, and only as far as *ambiguous* lets it be. An error that an answer came with,
    such as ``ContentFiltered``, was paid for: whoever names it pays for each retry. Other keys are tried after a
    refused one, and circuits are waited for, whatever it says.
    """

    max_retries: Whole = 3
    base_s: Seconds = 1.0
    factor: Annotated[float, Ge(1)] = 2.0
    cap_s: Seconds = 60.0
    patience_s: Amount = 2.0
    ambiguous: bool = True
    retryable: Retryable | None = None
    budget: RetryBudgetSettings = field(default_factory=RetryBudgetSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeoutSettings:
    """Seconds. *attempt_s* bounds one attempt from the moment it is sent, *total_s* the whole operation, queues and
    pauses included.

    *first_byte_s* bounds the wait for the head and the first piece of a stream, *idle_s* each silence after it. The
    head of a whole answer comes with its end, so *attempt_s* alone bounds it: 1,800 s are enough for the longest
    answer of the catalog (128,000 tokens) at 75 tokens a second. Models that think have taken more than two minutes to
    their first piece; the vendors' own clients wait 600 s (openai 3.52, anthropic 2.11).
    """

    connect_s: Seconds = 10.0
    first_byte_s: Seconds = 300.0
    idle_s: Seconds = 30.0
    attempt_s: Seconds = 1800.0
    total_s: Seconds = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """Answers kept for *ttl_s*; in memory at most *max_entries*, and the least recently used goes first."""

    enabled: bool = True
    ttl_s: Seconds = 300.0
    max_entries: Whole = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class LimiterSettings:
    """What may be sent to each target in a minute; None is no limit. *max_wait_s* is the longest wait in the queue.

    The global section is for hosted models; one of a machine of one's own has no limit but that of ``models``.
    """

    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    max_wait_s: Amount = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSettings:
    """What all that runs in one context may cost, in USD; None is no limit.

    What a request can cost at most is known from the catalog's price. *unknown_prices* says what becomes of one to a
    model without a price while a budget is in force. Where processes share a Redis they share the budgets of equal
    *name*, for as long as Redis keeps them: a budget for every month is one with the month in its name.
    """

    limit_usd: Amount | None = None
    unknown_prices: UnknownPrices = "refuse"
    name: str = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """When a circuit opens: at *failure_rate* of *minimum_calls* or more in *window_s*, or a run of failures.

    Failures of calls that were under way at the same moment are one observation. Open for *open_s*, doubled up to
    *max_open_s* whenever a probe fails, so that a blip costs seconds and an outage few probes; a probe holds its
    lease *probe_s* at most; *success_threshold* probes in a row close it.
    """

    enabled: bool = True
    failure_threshold: Count = 5
    failure_rate: Part = 0.5
    minimum_calls: Count = 10
    window_s: Seconds = 30.0
    open_s: Seconds = 2.0
    max_open_s: Seconds = 60.0
    success_threshold: Count = 2
    probe_s: Seconds = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySettings:
    """API keys by provider (``portkey`` is one), several for one provider take turns.

    *groups* names, by provider, the account of each of its keys in order: keys of one account share its limits and
    rest together. *cool_down_s* is how long a key rests after a 429 that names no time of its own. Each of several
    keys has at most *max_connections_per_key* calls under way; a single key is bounded by ``http.max_connections``.
    """

    providers: Mapping[str, tuple[Secret, ...]] = field(default_factory=dict[str, tuple[Secret, ...]])
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    max_connections_per_key: Count = 5
    cool_down_s: Amount = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PortkeySettings:
    """The gateway. *mode* ``fallback`` lets the gateway itself try the targets in order; *config* is a saved one's id.

    *timings* logs what each call spent in the gateway (``DEBUG_PORTKEY_TIMING``).
    """

    mode: Literal["single", "fallback"] = "single"
    config: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    timings: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """Where providers are and how they are reached. *base_urls* is by provider name (``portkey`` is one).

    Plain http is refused outside loopback unless *allow_http*; proxies of the environment are ignored unless
    *trust_environment*. The caps protect memory: a body, or what is kept of an answer in pieces, which is its text
    twice; one stream event. *engine* is what sends: ``aiohttp`` is faster, works on asyncio alone and comes with the
    extra ``fast``.
    """

    engine: HttpEngine = "httpx2"
    base_urls: Mapping[str, str] = field(default_factory=dict[str, str])
    allow_http: bool = False
    trust_environment: bool = False
    proxy: str | None = None
    max_connections: Count = 100
    max_body_bytes: Count = 8 * 1024 * 1024
    max_event_bytes: Count = 4 * 1024 * 1024
    portkey: PortkeySettings = field(default_factory=PortkeySettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisSettings:
    """State that several processes share: cache, limits, breakers, budget, retries and keys; extra ``redis``.

    *url* is ``redis://``, ``rediss://`` or ``unix://``; None keeps everything in this process. Every key begins with
    *prefix*: programs that are to share nothing have different ones. An exchange takes at most *timeout_s*; a Redis
    that fails is left alone for *rest_s*. *when_away* is what limits do then: ``open``, each process keeps them by
    itself, or ``closed``, nothing passes that has a limit or a budget.
    """

    url: Secret | None = None
    prefix: str = "llm_manager"
    timeout_s: Seconds = 0.25
    rest_s: Seconds = 1.0
    max_connections: Count = 16
    when_away: Literal["open", "closed"] = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationSettings:
    """Where conversations are kept: *url* is ``sqlite:///``, ``postgresql://`` or ``redis://``; None is this process.

    An exchange with the store takes at most *timeout_s*, and a writer waits as long for its turn at a SQLite file.
    """

    url: Secret | None = None
    timeout_s: Seconds = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserveSettings:
    """What is logged, and whether spans and metrics go to OpenTelemetry (extra ``otel``). Prompts and answers only when
    *prompts* says so; keys never.

    *traceparent* tells the gateway or the provider to which trace a request belongs (W3C Trace Context). With
    *keep_metrics* the counts are added, every *keep_interval_s* and at the end, to those of all processes in the
    database of ``conversations.url``.
    """

    log: LogFormat = "off"
    prompts: bool = False
    otel: bool = False
    traceparent: bool = False
    keep_metrics: bool = False
    keep_interval_s: Seconds = 10.0
