"""Asking providers for their lists of models, which costs nothing, and what a good answer brings back earlier.

A list says that the server is there and that a key is taken, and no more. So it never closes a circuit: it lets the
probe that decides about it pass at once. A key that rests because it was refused is brought back, for the refusal of
just this key is what the list has disproved; one that rests for a limit or a quota is not, for lists have none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

import anyio
from returns.result import Failure, Success

from llm_manager.domain.errors import AuthenticationFailed, InvalidRequest, LLMError, ModelUnavailable, ServerError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.secret import Secret
from llm_manager.domain.target import Target
from llm_manager.effect.concurrent import children
from llm_manager.effect.context import Context
from llm_manager.effect.scope import Scope
from llm_manager.policies.listed import is_listed
from llm_manager.policies.planning import first_key, key_owner
from llm_manager.policies.routing import configured_targets
from llm_manager.ports import EarlyProbes, Lease, Provider, RecoverableKeys

CHECK_S = 10.0
"""The longest that one provider may take to list its models."""


async def check_in_background(context: Context, scope: Scope) -> None:
    """Check every ``routing.health_check_interval_s`` until *scope* closes, if there is such an interval."""
    interval_s = context.config.routing.health_check_interval_s
    if interval_s:
        await scope.start(partial(_check_forever, context, interval_s))


async def _check_forever(context: Context, interval_s: float) -> None:
    while True:
        await context.clock.sleep(interval_s)
        await check(context)


async def check(context: Context) -> None:
    """Ask those of which something rests: with each key that was refused, then for each target whose circuit is open.

    A provider that is well is not asked; a failure changes nothing.
    """
    servers: dict[tuple[str, ...], list[Target]] = {}
    for target in configured_targets(context.config):
        servers.setdefault(server_key(target), []).append(target)
    each = list(servers.values())

    async def checked(index: int) -> bool:
        with context.clock.move_on_after(CHECK_S):
            await _recover_keys(context, each[index][0])
            await _expect_targets(context, each[index])
        return False

    await children(len(each), checked)


async def _recover_keys(context: Context, target: Target) -> None:
    keys, owner = context.keys, key_owner(context.config, target)
    provider = context.providers.get(target.service)
    if owner is None or provider is None or not isinstance(keys, RecoverableKeys):
        return
    for index, secret in keys.refused(owner, context.clock.monotonic()).items():
        listed = await provider.models(target, {owner: secret})
        if isinstance(listed, Success):
            await keys.recover(owner, index, context.clock.monotonic())


async def _expect_targets(context: Context, targets: Iterable[Target]) -> None:
    breakers = context.breakers
    if not isinstance(breakers, EarlyProbes):
        return
    states = [(target, await breakers.state(target.key, context.clock.monotonic())) for target in targets]
    shut = [target for target, (state, _) in states if state == "open"]
    listed = await list_models(context, shut[0]) if shut else None
    if isinstance(listed, Success):
        for target in shut:
            if offers(target, listed.unwrap()[0]):
                await breakers.expect(target.key, context.clock.monotonic())


def offers(target: Target, names: tuple[str, ...]) -> bool:
    """Does a provider that lists *names* offer the model? Some load what they do not list."""
    is_told = target.provider.needs_key or target.provider.wire == "ollama"
    return not is_told or not names or is_listed(target.model, names)


def server_key(target: Target) -> tuple[str, ...]:
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


async def list_models(context: Context, target: Target) -> Outcome[tuple[tuple[str, ...], float], LLMError]:
    """The models that the provider of *target* offers, and the milliseconds it took to say so; asked with one key after
    the other while they are refused.

    None are named by a server that has no list: that it answers is all that is known of it, and calls may work.
    """
    provider = context.providers.get(target.service)
    if provider is None:
        return Failure(ModelUnavailable(target.model, f"nothing in the context serves {target.service}"))
    while True:
        started_s = context.clock.monotonic()
        lease = await _lease(context, target)
        listed = await _listed(context, provider, target, lease)
        took_ms = (context.clock.monotonic() - started_s) * 1000
        if isinstance(listed, Success):
            return Success((listed.unwrap(), took_ms))
        if _has_no_list(listed.failure()):
            return Success(((), took_ms))
        is_refused = lease is not None and isinstance(listed.failure(), AuthenticationFailed)
        if not (is_refused and await _is_usable(context, target)):
            return listed


def _has_no_list(refused: LLMError) -> bool:
    """Did a server that is there refuse the request for a list as such: with 404, 405 or 501?"""
    match refused:
        case ModelUnavailable() | InvalidRequest():
            return True
        case ServerError(status_code=status):
            return status == 501
        case _:
            return False


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
    first: Mapping[str, Secret] = {} if owner is None else {owner: first_key(context.config, owner)}
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
