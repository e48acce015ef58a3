"""Where a context comes from: the environment, a configuration, or somebody else's context with a service swapped.

There is no global and no other way to obtain one. Nothing is read, opened or loaded before a layer is built.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from anyio.lowlevel import current_token
from returns.result import Failure, Success

from llm_manager.adapters.config_file import config_from_env
from llm_manager.adapters.in_process import in_process_context
from llm_manager.adapters.observers.otel.names import OPT_IN, names_for
from llm_manager.adapters.observers.plain import Only, Several, Silent
from llm_manager.adapters.system import SystemClock, SystemRandom
from llm_manager.domain.arguments import check_is
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import ConfigurationError, StoreUnavailable
from llm_manager.domain.events import GatewayTimed, StoreChanged
from llm_manager.domain.number_problems import number_problems
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.providers import providers_of, secrets_of
from llm_manager.domain.settings import ObserveSettings
from llm_manager.effect.context import Context, emit
from llm_manager.effect.layer import Layer, scoped
from llm_manager.effect.open_streams import OpenStreams
from llm_manager.effect.scope import Scope
from llm_manager.ports import (
    BatchProvider,
    Breakers,
    Budget,
    Cache,
    Calibrations,
    Clock,
    ConversationStore,
    Discreet,
    Flights,
    Keys,
    Latencies,
    Limiter,
    Metrics,
    MetricsStore,
    Observer,
    Places,
    Provider,
    Random,
    RetryBudgets,
    Surrounding,
    Tracing,
)

if TYPE_CHECKING:
    from llm_manager.adapters.http.driver import Http
    from llm_manager.adapters.http.httpx_engine import Client
    from llm_manager.adapters.observers.otel.made import MeterProvider, OtelObserver, TracerProvider


def live(
    config: LLMConfig | None = None, *, http_client: Client | None = None
) -> Layer[Context, ConfigurationError, None]:
    """The context of a program: configured by *config*, or by the environment when the layer is built.

    *http_client* is an ``AsyncClient`` of httpx2 or httpx to send with, whatever ``http.engine`` says; it stays yours
    to close.
    """
    _check(config)

    async def build(_needs: None, scope: Scope) -> Outcome[Context, ConfigurationError]:
        found = _configuration(config)
        return found if isinstance(found, Failure) else await _checked(found.unwrap(), scope, http_client)

    return scoped(build)


def dev(
    config: LLMConfig | None = None, *, http_client: Client | None = None
) -> Layer[Context, ConfigurationError, None]:
    """As :func:`live`, with everything that happens shown on the console, prompts and gateway timings too."""
    _check(config)

    async def build(_needs: None, scope: Scope) -> Outcome[Context, ConfigurationError]:
        found = _configuration(config)
        if isinstance(found, Failure):
            return found
        shown = found.unwrap()
        shown = replace(
            shown,
            observe=replace(shown.observe, log="console", prompts=True),
            http=replace(shown.http, portkey=replace(shown.http.portkey, timings=True)),
        )
        return await _checked(shown, scope, http_client)

    return scoped(build)


async def _checked(config: LLMConfig, scope: Scope, http_client: Client | None) -> Outcome[Context, ConfigurationError]:
    """The context, and beside it the check of what rests in it, if there is to be one."""
    built = _context(config, scope, http_client)
    if isinstance(built, Success):
        streams = OpenStreams(built.unwrap().clock)
        scope.add(streams.close)
        built = Success(replace(built.unwrap(), streams=streams, home=current_token()))
    if isinstance(built, Success) and config.routing.health_check_interval_s:
        from llm_manager.adapters.health_check import check_in_background  # noqa: PLC0415  # only who wants it

        await check_in_background(built.unwrap(), scope)
    return built


def _check(config: object) -> None:
    if config is not None:
        check_is(
            config, LLMConfig, "a layer takes a configuration", "live(LLMConfig(...)), or parse_config(mapping) first"
        )


def custom(config: LLMConfig, *, http_client: Client | None = None) -> Layer[Context, ConfigurationError, None]:
    """The context that *config* describes; the environment is not read."""
    return live(config, http_client=http_client)


def replacing(
    *,
    config: LLMConfig | None = None,
    providers: Mapping[str, Provider] | None = None,
    batches: Mapping[str, BatchProvider] | None = None,
    cache: Cache | None = None,
    limiter: Limiter | None = None,
    breakers: Breakers | None = None,
    retry_budgets: RetryBudgets | None = None,
    keys: Keys | None = None,
    latencies: Latencies | None = None,
    calibrations: Calibrations | None = None,
    flights: Flights | None = None,
    places: Places | None = None,
    conversations: ConversationStore | None = None,
    budget: Budget | None = None,
    tracing: Tracing | None = None,
    clock: Clock | None = None,
    random: Random | None = None,
    observer: Observer | None = None,
    metrics: Metrics | None = None,
    metrics_store: MetricsStore | None = None,
) -> Callable[[Context], Context]:
    """A change to a context: ``live() | replacing(cache=mine)``. *providers* and *batches* are added to those that
    are there."""

    given: dict[str, Any] = dict(locals())  # by the names of the fields, so that none is forgotten
    services = {name: each for name, each in given.items() if each is not None}
    more_providers, more_batches = services.pop("providers", {}), services.pop("batches", {})

    def change(context: Context) -> Context:
        if isinstance(observer, Discreet):
            observer.hide(secrets_of(config or context.config))
        return replace(
            context,
            providers={**context.providers, **more_providers},
            batches={**context.batches, **more_batches},
            **services,
        )

    return change


def listening(*observers: Observer) -> Callable[[Context], Context]:
    """A change to a context: *observers* hear of everything, too, after whoever listens already.

    One that keeps traces stands around the providers that are there, so that what these send is told as part of it.
    """

    def change(context: Context) -> Context:
        providers = dict(context.providers)
        for observer in observers:
            if isinstance(observer, Discreet):
                observer.hide(secrets_of(context.config))
            if isinstance(observer, Surrounding):
                providers = {name: observer.around(provider) for name, provider in providers.items()}
        return replace(context, providers=providers, observer=Several(context.observer, *observers))

    return change


def otel_observer(
    settings: ObserveSettings | None = None,
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    opt_in: str | None = None,
) -> OtelObserver:
    """An observer that makes OpenTelemetry spans and metrics of what happens: ``live() | listening(otel_observer())``.

    The providers are the program's own, its global ones if None. *opt_in* says which names are spoken, the variable
    ``OTEL_SEMCONV_STABILITY_OPT_IN`` if None. It needs the extra ``otel``, without which it raises ``ImportError``.
    """
    from llm_manager.adapters.observers.otel.made import observer  # noqa: PLC0415  # an extra

    words = names_for(os.environ.get(OPT_IN, "") if opt_in is None else opt_in)
    with_text = settings is not None and settings.prompts
    return observer(tracer_provider, meter_provider, words, with_text=with_text)


def _configuration(config: LLMConfig | None) -> Outcome[LLMConfig, ConfigurationError]:
    if config is None:
        return config_from_env(os.environ)
    problems = tuple(number_problems(config))  # what is read from files was held to its bounds there
    return Failure(ConfigurationError(problems)) if problems else Success(config)


def _context(config: LLMConfig, scope: Scope, http_client: Client | None) -> Outcome[Context, ConfigurationError]:
    from llm_manager.adapters.http.driver import Http  # noqa: PLC0415  # not needed to import us
    from llm_manager.adapters.http.engines import engine_for  # noqa: PLC0415  # as above

    engine = engine_for(config.http, config.timeouts, http_client)
    if isinstance(engine, Failure):
        return engine
    http = Http(config.http, config.timeouts, engine.unwrap())
    scope.add(http.aclose)
    clock = SystemClock()
    context = in_process_context(
        config,
        providers=_providers(config, scope, clock, http),
        clock=clock,
        random=SystemRandom(),
        observer=_observer(config),
    )
    traced = _traced(context)
    if isinstance(traced, Failure):
        return traced
    context = traced.unwrap()
    context = replace(context, batches=_batches(config, http))
    shared = Success(context) if config.redis.url is None else _shared(context, scope)
    stored = shared if isinstance(shared, Failure) else _storing(shared.unwrap(), scope)
    return stored if isinstance(stored, Failure) else _keeping(stored.unwrap(), scope)


def _storing(context: Context, scope: Scope) -> Outcome[Context, ConfigurationError]:
    """*context* with the conversations where its settings say; in this process when they do not."""
    config = context.config
    if config.conversations.url is None:
        return Success(context)
    from llm_manager.adapters.conversations.services import conversations_at  # noqa: PLC0415  # only who stores

    made = conversations_at(config.conversations, config.redis, scope)
    if isinstance(made, Failure):
        return made
    return Success(replace(context, conversations=made.unwrap()))


def _keeping(context: Context, scope: Scope) -> Outcome[Context, ConfigurationError]:
    """*context* with its counts kept in the database of its settings, if they say so."""
    config = context.config
    if not config.observe.keep_metrics:
        return Success(context)
    if config.conversations.url is None:
        return _wrong("observe.keep_metrics", "needs a database: set conversations.url (DATABASE_URL), too")
    from llm_manager.adapters.conversations.services import database_at  # noqa: PLC0415  # only who stores pays for it
    from llm_manager.adapters.observers.kept import KeptMetrics  # noqa: PLC0415  # as above

    found = database_at(config.conversations)
    if isinstance(found, Failure):
        return _wrong("observe.keep_metrics", found.failure())
    database = found.unwrap()

    def tell(error: StoreUnavailable | None) -> None:
        emit(context, StoreChanged(at_s=context.clock.monotonic(), store=f"metrics in {database.store}", error=error))

    kept = KeptMetrics(database, config.observe.keep_interval_s, tell).open()
    scope.add(kept.aclose)
    return Success(replace(listening(kept)(context), metrics_store=kept))


def _shared(context: Context, scope: Scope) -> Outcome[Context, ConfigurationError]:
    """*context* with the state in Redis that its settings let processes share; it connects when first used."""
    from llm_manager.adapters.redis.services import client_for, sharing  # noqa: PLC0415  # only who shares pays for it

    def tell(error: StoreUnavailable | None) -> None:
        emit(context, StoreChanged(at_s=context.clock.monotonic(), store="redis", error=error))

    made = client_for(context.config.redis, tell)
    if isinstance(made, Failure):
        return made
    client = made.unwrap().open()
    scope.add(client.aclose)
    return Success(sharing(context, client))


def _observer(config: LLMConfig) -> Observer:
    """The log that the settings ask for; timings of the gateway are shown also where nothing else is."""
    quiet = config.observe.log == "off"
    if quiet and not config.http.portkey.timings:
        return Silent()
    from llm_manager.adapters.observers.log import LogObserver  # noqa: PLC0415  # only who logs pays for structlog

    log = LogObserver(config.observe)
    log.hide(secrets_of(config))
    return Only(GatewayTimed, log) if quiet else log


def _traced(context: Context) -> Outcome[Context, ConfigurationError]:
    """*context*, told to OpenTelemetry if its settings say so."""
    settings = context.config.observe
    if not settings.otel:
        if settings.traceparent:
            return _wrong("observe.traceparent", "needs the traces of observe.otel: set that, too")
        return Success(context)
    if find_spec("opentelemetry") is None:
        return _wrong("observe.otel", "OpenTelemetry is not installed: pip install 'llm-manager[otel]'")
    observer = otel_observer(settings)
    traced = replace(context, tracing=observer) if settings.traceparent else context
    return Success(listening(observer)(traced))


def _wrong(path: str, said: str) -> Failure[ConfigurationError]:
    return Failure(ConfigurationError((Problem(path, said),)))


def _providers(config: LLMConfig, scope: Scope, clock: Clock, http: Http) -> Mapping[str, Provider]:
    """One driver for all that is behind HTTP. Local engines load when first asked, and are closed with the scope."""
    from llm_manager.adapters.dialects import anthropic, gemini, ollama, openai  # noqa: PLC0415  # not needed to import us
    from llm_manager.adapters.hosted import Direct, Hosted  # noqa: PLC0415  # as above
    from llm_manager.adapters.llama_cpp import LlamaCpp  # noqa: PLC0415  # as above
    from llm_manager.adapters.portkey import Gateway  # noqa: PLC0415  # as above

    engines = LlamaCpp()
    scope.add(engines.aclose)
    dialects = {
        "openai": openai.DIALECT,
        "anthropic": anthropic.DIALECT,
        "gemini": gemini.DIALECT,
        "ollama": ollama.DIALECT,
    }
    direct = {
        row.name: Hosted(http, config, dialects[row.wire], Direct(dialects[row.wire]))
        for row in providers_of(config).values()
        if row.wire in dialects
    }
    gateway_keys = config.keys.providers.get("portkey", ())
    gateway = Gateway(config.http.portkey, gateway_keys[0] if gateway_keys else None, clock)
    return {**direct, "portkey": Hosted(http, config, openai.DIALECT, gateway), "llama_cpp": engines}


def _batches(config: LLMConfig, http: Http) -> Mapping[str, BatchProvider]:
    """The vendors' own batches, of those that have them."""
    from llm_manager.adapters.batches import anthropic, openai  # noqa: PLC0415  # as above
    from llm_manager.adapters.hosted_batches import HostedBatches  # noqa: PLC0415  # as above

    wires = {"openai": openai.WIRE, "anthropic": anthropic.WIRE}
    return {
        row.name: HostedBatches(http, config.http, wires[row.wire])
        for row in providers_of(config).values()
        if row.batches is not None and row.wire in wires
    }
