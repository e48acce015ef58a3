"""What would be done, without doing it: no request is sent by anything here."""

from __future__ import annotations

from returns.result import Failure, Success

from llm_manager.domain.arguments import check_is, check_request
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import (
    AllModelsFailed,
    AuthenticationFailed,
    ConfigurationError,
    InvalidRequest,
    LLMError,
)
from llm_manager.domain.number_problems import number_problems
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.plan import RoutePlan
from llm_manager.domain.problem import Problem
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.request_problems import request_problems
from llm_manager.domain.secret_problems import secret_problems
from llm_manager.effect.context import Context, Op
from llm_manager.effect.op import effect, run
from llm_manager.operations.chain import observed_latencies, today
from llm_manager.policies.calendar import ended
from llm_manager.policies.candidate import Chosen
from llm_manager.policies.chains import states_a_model, task_names
from llm_manager.policies.planning import plan_of
from llm_manager.policies.routing import candidates, fallback_chain
from llm_manager.policies.targets import known_names, resolve


def plan(request: LLMRequest) -> Op[RoutePlan]:
    """The models in the order they would be asked, why, and the most they could take in attempts, money and time.

    Fails as :func:`~llm_manager.operations.generate.generate` would before sending anything.

    What ``generate`` then does from the same state is always inside. So is ``generate_stream`` until its first piece is
    there: the rest of a stream ends with the deadline, and under ``routing.mid_stream = "continue"`` a model that goes
    on is sent what had come, whose cost is in no plan. Each round of ``query_with_schema`` is a request with a plan of
    its own; all of them are within one deadline.
    """
    check_request(request)

    async def planning(context: Context) -> Outcome[RoutePlan, LLMError]:
        problems = request_problems(request)
        if problems:
            return Failure(InvalidRequest(problems))
        latencies = observed_latencies(context, request)
        day = today(context)
        return plan_of(context.config, request, latencies, await _open_circuits(context, request, day), day)

    return effect(planning)


async def _open_circuits(context: Context, request: LLMRequest, day: str) -> tuple[tuple[str, float], ...]:
    found = candidates(context.config, request, {}, day)
    now_s = context.clock.monotonic()
    circuits: list[tuple[str, float]] = []
    for each in found.unwrap() if isinstance(found, Success) else ():
        if isinstance(each, Chosen):
            state, wait_s = await context.breakers.state(each.target.key, now_s)
            if state == "open":
                circuits.append((each.target.key, wait_s))
    return tuple(circuits)


def select_model(request: LLMRequest) -> Op[str]:
    """The model that would be asked first. Fails with why none would be."""
    check_request(request)

    async def selecting(context: Context) -> Outcome[str, LLMError]:
        planned = await run(plan(request), context)
        if isinstance(planned, Failure):
            return planned
        targets = planned.unwrap().targets
        for target in targets:
            if target.skipped is None:
                return Success(target.model)
        failures = tuple((target.model, target.skipped) for target in targets if target.skipped is not None)
        return Failure(failures[0][1] if len(failures) == 1 else AllModelsFailed(failures))

    return effect(selecting)


def get_fallback_chain(model: str) -> Op[tuple[str, ...]]:
    """The models that would be asked, in order, if *model* failed a general request."""
    check_is(model, str, "get_fallback_chain takes the name of a model", 'get_fallback_chain("gpt-4o")')

    async def chaining(context: Context) -> Outcome[tuple[str, ...], LLMError]:
        resolved = resolve(context.config, model)
        if isinstance(resolved, Failure) and isinstance(resolved.failure(), InvalidRequest):
            return Failure(resolved.failure())
        return Success(fallback_chain(context.config, model))

    return effect(chaining)


def get_available_models() -> Op[tuple[str, ...]]:
    """The names that a request can ask for now: aliases, families and catalog models whose provider is configured, and
    which have not ended."""

    async def listing(context: Context) -> Outcome[tuple[str, ...], LLMError]:
        config, day = context.config, today(context)
        resolved = ((name, resolve(config, name)) for name in known_names(config))
        found = ((name, each.unwrap()) for name, each in resolved if isinstance(each, Success))
        return Success(tuple(name for name, target in found if ended(target, day) is None))

    return effect(listing)


def validate_config() -> Op[LLMConfig]:
    """The configuration, if every model and chain in it leads somewhere; else every problem at once.

    It agrees with :func:`plan` and ``generate``: a task has a problem here exactly if both fail with
    ``ConfigurationError`` for a request of it that names no model, and an alias if it cannot be
    asked by its name. An entry of ``models`` that only states facts needs no key.

    Asks nobody: whether a key is accepted and a server is up is for ``get_model_health``.
    """

    async def validating(context: Context) -> Outcome[LLMConfig, LLMError]:
        problems = _problems(context.config)
        return Failure(ConfigurationError(problems)) if problems else Success(context.config)

    return effect(validating)


def _problems(config: LLMConfig) -> tuple[Problem, ...]:
    problems: dict[Problem, None] = dict.fromkeys((*secret_problems(config), *number_problems(config)))
    for alias, settings in config.models.items():
        resolved = resolve(config, alias)
        if states_a_model(settings) or not _has_no_key(resolved):  # facts about a model are no wish to ask it
            _collect(problems, f"models.{alias}", resolved)
    lists = {f"routing.chains.{task}": chain for task, chain in config.routing.chains.items()}
    lists |= {f"models.{alias}.pool": settings.pool for alias, settings in config.models.items()}
    for path, names in {**lists, "routing.fallback_order": config.routing.fallback_order}.items():
        for name in names:
            resolved = resolve(config, name)
            if isinstance(resolved, Failure) and isinstance(resolved.failure(), InvalidRequest):
                _collect(problems, path, resolved)
    for task in task_names(config):
        found = candidates(config, LLMRequest(prompt="x", task_type=task), {})
        if isinstance(found, Failure):
            _collect(problems, f"routing.chains.{task}", found)
    return tuple(problems)


def _has_no_key(resolved: Outcome[object, LLMError]) -> bool:
    return isinstance(resolved, Failure) and isinstance(resolved.failure(), AuthenticationFailed)


def _collect(problems: dict[Problem, None], path: str, outcome: Outcome[object, LLMError]) -> None:
    if isinstance(outcome, Success):
        return
    error = outcome.failure()
    match error:
        case ConfigurationError(problems=found):
            problems.update(dict.fromkeys(found))
        case InvalidRequest(problems=found):
            problems.update(dict.fromkeys(Problem(path, each.message) for each in found))
        case _:
            problems[Problem(path, error.message or error.tag)] = None
