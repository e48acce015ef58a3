"""How the models and this library are doing. Providers are asked for their list of models, which costs nothing."""

from __future__ import annotations

import anyio
from returns.result import Failure, Success

from llm_manager.combinators.timeout import timeout
from llm_manager.domain.errors import AuthenticationFailed, ConfigurationError, LLMError, ModelUnavailable
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.status import CacheStatus, ManagerStatus, MetricsSnapshot, ModelHealthStatus
from llm_manager.domain.target import Target
from llm_manager.effect import concurrent
from llm_manager.effect.context import Context, Op
from llm_manager.effect.op import effect, run
from llm_manager.policies.listed import is_listed
from llm_manager.policies.planning import first_key, key_owner
from llm_manager.policies.routing import broken_models, configured_targets
from llm_manager.ports import Lease, Provider

CHECK_S = 10.0
"""The longest that one provider may take to list its models."""


def get_model_health() -> Op[tuple[ModelHealthStatus, ...]]:
    """Every model of the chains and aliases: does its provider answer, and does it offer the model?

    Each provider is asked once, all in parallel. A failure is a status, not an error of the operation; so is a key that
    cannot be sent.
    """

    async def checking(context: Context) -> Outcome[tuple[ModelHealthStatus, ...], LLMError]:
        targets = configured_targets(context.config)
        addresses = {_address(target): target for target in targets}
        asked = concurrent.settle([_list_models(target) for target in addresses.values()])
        answers = (await run(asked, context)).unwrap()
        known = dict(zip(addresses, answers, strict=True))
        statuses = [await _status(context, target, known[_address(target)]) for target in targets]
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
            )
        )

    return effect(reading)


def get_metrics() -> Op[MetricsSnapshot]:
    """Everything counted since the context was built, or since the last reset."""

    async def reading(context: Context) -> Outcome[MetricsSnapshot, LLMError]:
        return Success(context.metrics.snapshot())

    return effect(reading)


def reset_metrics() -> Op[None]:
    """Start counting from zero."""

    async def resetting(context: Context) -> Outcome[None, LLMError]:
        context.metrics.reset()
        return Success(None)

    return effect(resetting)


def _address(target: Target) -> tuple[str, ...]:
    """What is asked once: a server lists all its models at once, a local engine loads each file apart."""
    alone = target.model if target.provider.wire in ("llama_cpp", "custom") else ""
    return (
        target.service,
        target.provider.name,
        target.base_url,
        target.custom_host or "",
        target.key_pool or "",
        alone,
    )


def _list_models(target: Target) -> Op[tuple[tuple[str, ...], float]]:
    """The models that the provider of *target* offers, and the milliseconds it took to say so."""

    async def listing(context: Context) -> Outcome[tuple[tuple[str, ...], float], LLMError]:
        provider = context.providers.get(target.service)
        if provider is None:
            return Failure(ModelUnavailable(target.model, f"nothing in the context serves {target.service}"))
        while True:
            started_s = context.clock.monotonic()
            lease = await _lease(context, target)
            listed = await _listed(context, provider, target, lease)
            if not isinstance(listed, Failure):
                return Success((listed.unwrap(), (context.clock.monotonic() - started_s) * 1000))
            is_refused = lease is not None and isinstance(listed.failure(), AuthenticationFailed)
            if not (is_refused and await _is_usable(context, target)):
                return listed

    return timeout(CHECK_S, model=target.model)(effect(listing))


async def _is_usable(context: Context, target: Target) -> bool:
    owner = key_owner(context.config, target)
    return owner is not None and await context.keys.usable(owner, target.model, context.clock.monotonic())


async def _lease(context: Context, target: Target) -> Lease | None:
    """A key that neither rests nor was refused, if there is one: to wait for one would say nothing of the provider."""
    owner = key_owner(context.config, target)
    if owner is None or not await _is_usable(context, target):
        return None
    leased = await context.keys.lease(owner, target.model, 0.0, context.clock)
    return leased.unwrap() if isinstance(leased, Success) else None


async def _listed(
    context: Context, provider: Provider, target: Target, lease: Lease | None
) -> Outcome[tuple[str, ...], LLMError]:
    """What the provider lists when it is asked with the key of *lease*; without one, with the first there is."""
    owner = key_owner(context.config, target)
    first = {} if owner is None else {owner: first_key(context.config, owner)}
    if lease is None or lease.secret is None:
        return await provider.models(target, first)
    refused: LLMError | None = None
    try:
        listed = await provider.models(target, {lease.pool: lease.secret})
        if isinstance(listed, Failure) and isinstance(listed.failure(), AuthenticationFailed):
            refused = listed.failure()
    finally:
        with anyio.CancelScope(shield=True):
            await context.keys.give_back(lease, refused, context.clock.monotonic())
    return listed


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
    latency_ms = None
    if isinstance(answer, Success):
        names, latency_ms = answer.unwrap()
        is_told = target.provider.needs_key or target.provider.wire == "ollama"  # others may load what they do not list
        if is_told and names and not is_listed(target.model, names):
            error = ModelUnavailable(target.model, f"{target.provider.name} does not list it")
    return ModelHealthStatus(
        model=target.model,
        provider=target.provider.name,
        healthy=error is None and circuit != "open",
        circuit=circuit,
        latency_ms=latency_ms,
        last_error=error,
        checked_at=now_s,
    )
