"""How the models and this library are doing. Providers are asked for their list of models, which costs nothing."""

from __future__ import annotations

from returns.result import Failure, Success

from llm_manager.adapters.health_check import CHECK_S, list_models, offers, server_key
from llm_manager.combinators.timeout import timeout
from llm_manager.domain.errors import ConfigurationError, LLMError, ModelUnavailable
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.status import CacheStatus, ManagerStatus, MetricsSnapshot, ModelHealthStatus
from llm_manager.domain.target import Target
from llm_manager.effect import concurrent
from llm_manager.effect.context import Context, Op, not_at_home
from llm_manager.effect.op import effect, run
from llm_manager.policies.routing import broken_models, configured_targets


def get_model_health() -> Op[tuple[ModelHealthStatus, ...]]:
    """Every model of the chains and aliases: does its provider answer, and does it offer the model?

    Each provider is asked once, all in parallel. A failure is a status, not an error of the operation; so is a key that
    cannot be sent.
    """

    async def checking(context: Context) -> Outcome[tuple[ModelHealthStatus, ...], LLMError]:
        targets = configured_targets(context.config)
        addresses = {server_key(target): target for target in targets}
        asked = concurrent.settle([_list_models(target) for target in addresses.values()])
        answers = (await run(asked, context)).unwrap()
        known = dict(zip(addresses, answers, strict=True))
        statuses = [await _status(context, target, known[server_key(target)]) for target in targets]
        broken = [_broken(context, provider, name, error) for provider, name, error in broken_models(context.config)]
        return Success((*statuses, *broken))

    return effect(checking)


def warmup_models() -> Op[tuple[ModelHealthStatus, ...]]:
    """Open the connections and load the local models, so that the first request does not wait for that."""
    return get_model_health()


def is_healthy() -> Op[bool]:
    """Does at least one model answer?"""

    async def checking(context: Context) -> Outcome[bool, LLMError]:
        health = await run(get_model_health(), context)
        return Success(any(status.healthy for status in health.unwrap()))

    return effect(checking)


def get_status() -> Op[ManagerStatus]:
    """Health, metrics and cache at this moment."""

    from importlib.metadata import version  # noqa: PLC0415  # slow to import, and needed by nothing else

    async def reading(context: Context) -> Outcome[ManagerStatus, LLMError]:
        models = (await run(get_model_health(), context)).unwrap()
        held = await context.cache.status()
        settings = context.config.cache
        none = CacheStatus(enabled=settings.enabled, entries=None, max_entries=None)
        return Success(
            ManagerStatus(
                healthy=any(status.healthy for status in models),
                models=models,
                metrics=context.metrics.snapshot(),
                cache=held.unwrap() if isinstance(held, Success) else none,
                uptime_s=context.clock.monotonic() - context.started_s,
                version=version("llm-manager"),
                stored=None if context.metrics_store is None else (await context.metrics_store.total()).value_or(None),
            )
        )

    return effect(reading)


def get_metrics(*, all_processes: bool = False) -> Op[MetricsSnapshot]:
    """Everything counted since the context was built, or since the last reset.

    With *all_processes* it is the sum over all that keep their counts in one database (``observe.keep_metrics``), those
    that have ended, too; ``StoreUnavailable`` when it cannot be read. Without such a database this process is all.
    """

    async def reading(context: Context) -> Outcome[MetricsSnapshot, LLMError]:
        store = context.metrics_store if all_processes else None
        return Success(context.metrics.snapshot()) if store is None else await store.total()

    return effect(reading)


def reset_metrics(*, all_processes: bool = False) -> Op[None]:
    """Start counting from zero: in this process, and with *all_processes* in the database, too, if there is one.

    What other processes count until they add to it next is added after that. ``StoreUnavailable`` when the database
    cannot be reached; then nothing is reset.
    """

    async def resetting(context: Context) -> Outcome[None, LLMError]:
        store = context.metrics_store if all_processes else None
        cleared = Success(None) if store is None else await store.clear()
        if isinstance(cleared, Failure):
            return cleared
        context.metrics.reset()
        return Success(None)

    return effect(resetting)


def _list_models(target: Target) -> Op[tuple[tuple[str, ...], float]]:
    """The models that the provider of *target* offers, and the milliseconds it took to say so."""

    async def listing(context: Context) -> Outcome[tuple[tuple[str, ...], float], LLMError]:
        elsewhere = not_at_home(context)
        return await list_models(context, target) if elsewhere is None else Failure(elsewhere)

    return timeout(CHECK_S, model=target.model)(effect(listing))


def _broken(context: Context, provider: str, model: str, error: ConfigurationError) -> ModelHealthStatus:
    """A model that is configured, and cannot be asked as it is."""
    return ModelHealthStatus(
        model=model, provider=provider, healthy=False, last_error=error, checked_at=context.clock.monotonic()
    )


async def _status(
    context: Context, target: Target, answer: Outcome[tuple[tuple[str, ...], float], LLMError]
) -> ModelHealthStatus:
    now_s = context.clock.monotonic()
    circuit, _ = await context.breakers.state(target.key, now_s)
    error = answer.failure() if isinstance(answer, Failure) else None
    latency_ms = listed = None
    if isinstance(answer, Success):
        names, latency_ms = answer.unwrap()
        listed = offers(target, names) if names else None
        if listed is False:
            error = ModelUnavailable(target.model, f"{target.provider.name} does not list it")
    return ModelHealthStatus(
        model=target.model,
        provider=target.provider.name,
        healthy=error is None and circuit != "open",
        circuit=circuit,
        latency_ms=latency_ms,
        last_error=error,
        checked_at=now_s,
        listed=listed,
    )
