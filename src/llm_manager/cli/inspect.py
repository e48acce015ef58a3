"""``models``, ``health``, ``status`` and ``config``: how things stand."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Any, Final, TypeVar, cast

import anyio
from returns.result import Failure

from llm_manager import (
    LLMConfig,
    ManagerStatus,
    MetricsSnapshot,
    ModelHealthStatus,
    Op,
    UnknownCost,
    config_from_env,
    describe,
    get_available_models,
    get_model_health,
    get_status,
    live,
    provide,
    to_json,
)
from llm_manager.cli.show import FAILED, dollars, failed, print_json, print_line, seconds, table
from llm_manager.cli.watch import watch
from llm_manager.domain.environment import CONFIG_FILE, VARIABLES, Variable
from llm_manager.domain.model_names import facts_of, provider_and_model
from llm_manager.domain.models import MODELS
from llm_manager.domain.secret_problems import secret_problems
from llm_manager.domain.status import CacheStatus

A = TypeVar("A")

LIMITS: Final = ("rate_limit.requests_per_minute", "rate_limit.tokens_per_minute", "budget.limit_usd")
"""The settings that limit nothing when they are not set."""

NO_PROVIDER: Final = (
    "no provider is configured: set OPENAI_API_KEY or another of the variables that `llm-manager config` lists, or see "
    "`llm-manager demo`, which needs none"
)


def models(arguments: argparse.Namespace) -> int:
    """Print the names a request can ask for, with what is known of each."""
    names = _run(get_available_models(), arguments)
    if isinstance(names, int):
        return names
    if arguments.json:
        print_json(list(names))
    elif not names:
        print_line(NO_PROVIDER)
    else:
        heads = ("MODEL", "PROVIDER", "WINDOW", "PROMPT $/M", "ANSWER $/M", "ENDS")
        print_line(table(heads, [_row(name) for name in names]))
    return 0


def _row(name: str) -> tuple[str, str, str, str, str, str]:
    facts = MODELS.get(name)
    if facts is None:
        found = provider_and_model(name)
        facts = None if found is None else facts_of(*found)
    if facts is None:
        return (name, "", "", "", "", "")
    window = "?" if facts.window_tokens is None else f"{facts.window_tokens:,}"
    price = facts.price
    ends = facts.ends_on or ("" if facts.guessed_from is None else f"? (like {facts.guessed_from})")
    if price is None:
        return (name, facts.provider, window, "?", "?", ends)
    return (name, facts.provider, window, f"{price.prompt_usd:g}", f"{price.completion_usd:g}", ends)


def health(arguments: argparse.Namespace) -> int:
    """Print whether each configured model can be reached; fails when none can."""
    outcome = _run(get_model_health(), arguments)
    if isinstance(outcome, int):
        return outcome
    if arguments.json:
        print_line(to_json(outcome))
    elif not outcome:
        print_line(NO_PROVIDER)
    else:
        print_line(_health_table(outcome))
    return 0 if any(status.healthy for status in outcome) else FAILED


def _health_table(statuses: tuple[ModelHealthStatus, ...]) -> str:
    rows = [
        (
            each.model,
            each.provider,
            "ok" if each.healthy else "DOWN",
            each.circuit,
            "" if each.latency_ms is None else seconds(each.latency_ms / 1000),
            "" if each.last_error is None else describe(each.last_error),
        )
        for each in statuses
    ]
    return table(("MODEL", "PROVIDER", "HEALTH", "CIRCUIT", "TOOK", "ERROR"), rows)


def status(arguments: argparse.Namespace) -> int:
    """Print health, metrics and cache, once or again and again; fails when no model can be reached."""
    if arguments.watch is not None:
        return watch(arguments.watch, as_json=arguments.json)
    outcome = _run(get_status(), arguments)
    if isinstance(outcome, int):
        return outcome
    print_line(to_json(outcome) if arguments.json else _status_text(outcome))
    return 0 if outcome.healthy else FAILED


def _status_text(now: ManagerStatus) -> str:
    lines = (
        f"llm-manager {now.version}: {'healthy' if now.healthy else 'NO MODEL CAN BE REACHED'}",
        _counts_line("", now.metrics),
        *(() if now.stored is None else (_counts_line("all processes: ", now.stored),)),
        _cache_line(now.cache),
        "",
    )
    return "\n".join(lines) + (_health_table(now.models) if now.models else NO_PROVIDER)


def _counts_line(whose: str, metrics: MetricsSnapshot) -> str:
    totals = metrics.totals
    cost = None if isinstance(totals.cost, UnknownCost) else totals.cost.usd
    counts = f"requests {totals.requests}, successes {totals.successes}, retries {totals.retries}"
    return f"{whose}{counts}, cost {dollars(cost)}"


def _cache_line(cache: CacheStatus) -> str:
    if not cache.enabled:
        return "cache off"
    if cache.entries is None:
        return "cache on, its entries not counted"
    return f"cache {cache.entries}" + ("" if cache.max_entries is None else f" of {cache.max_entries}") + " entries"


def config(arguments: argparse.Namespace) -> int:
    """Print every setting that is in force and where it came from."""
    found = config_from_env(os.environ)
    if isinstance(found, Failure):
        return failed(found.failure(), as_json=arguments.json)
    settings = found.unwrap()
    rows = [(path, shown, _source(path, settings)) for path, shown in _leaves(settings, "")]
    if arguments.json:
        print_json({path: {"value": shown, "source": source} for path, shown, source in rows})
        return 0
    print_line(table(("SETTING", "VALUE", "FROM"), rows))
    print_line("\n" + table(("VARIABLE", "SETS", "NOW"), [_variable_row(each) for each in VARIABLES]))
    for name, meant in _nearly(os.environ):
        print_line(f"\n{name} is set, and is no variable of ours: did you mean {meant}?")
    for problem in secret_problems(settings):
        print_line(f"\n{problem}")
    if not any((settings.keys.providers, settings.http.base_urls, settings.models, settings.providers)):
        print_line(f"\n{NO_PROVIDER}")
    return 0


def _nearly(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Those of *names* that are all but a variable of ours, with that variable.

    >>> list(_nearly(["OPENAI_KEY", "OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "HOME"]))
    [('OPENAI_KEY', 'OPENAI_API_KEY')]
    """
    known = [CONFIG_FILE, *(variable.name for variable in VARIABLES)]
    for name in names:
        near = [] if name in known else get_close_matches(name, known, n=1, cutoff=0.83)
        yield from ((name, meant) for meant in near)


def _variable_row(variable: Variable) -> tuple[str, str, str]:
    return variable.name, variable.path, "set" if os.environ.get(variable.name, "").strip() else "-"


def _leaves(value: object, path: str) -> Iterator[tuple[str, str]]:
    """The settings one by one; unset ones of a model are left out."""
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            if field.name != "sources":
                yield from _leaves(getattr(value, field.name), f"{path}.{field.name}".lstrip("."))
    elif isinstance(value, Mapping):
        for name, each in cast("Mapping[str, Any]", value).items():
            yield from _leaves(each, f"{path}.{name}")
    elif not (value is None and path.startswith(("models.", "providers."))):
        yield path, str(value) if value is not None else "no limit" if path in LIMITS else "not set"


def _source(path: str, settings: LLMConfig) -> str:
    return settings.sources.get(path, "default")


def _run(op: Op[A], arguments: argparse.Namespace) -> A | int:
    outcome = anyio.run(provide(op, live()))
    return failed(outcome.failure(), as_json=arguments.json) if isinstance(outcome, Failure) else outcome.unwrap()
