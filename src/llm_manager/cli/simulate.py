"""``simulate``: what a day of traffic and faults would do to a configuration, before it does."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter

import anyio
from returns.result import Failure, Success

from llm_manager import ConfigurationError, LLMConfig, Outcome, config_from_env, generate, to_json
from llm_manager.cli.report import comparison_text, report_text
from llm_manager.cli.show import failed, misused, print_line, print_painted
from llm_manager.domain.environment import CONFIG_FILE
from llm_manager.testing.simulation import (
    Happening,
    Listener,
    Report,
    Scenario,
    read_scenario,
    simulate,
    trace_line,
)


def command(arguments: argparse.Namespace) -> int:
    """Play the scenario and print what would have happened: whole, or of several configurations what differs."""
    names: tuple[str | None, ...] = tuple(dict.fromkeys(arguments.config or (None,)))
    if arguments.trace is not None and len(names) > 1:
        return misused("--trace is for one --config: leave the others out")
    started_s = perf_counter()
    try:
        outcome = _all_played(arguments, names)
    except OSError as bad:
        return misused(f"--trace {arguments.trace}: cannot be written: {bad.strerror}")
    if isinstance(outcome, Failure):
        return failed(outcome.failure(), as_json=arguments.json)
    reports = outcome.unwrap()
    if arguments.json:
        print_line(_json(reports))
    else:
        print_painted(_text(reports))
    if sys.stderr.isatty() and not arguments.json:
        took_s = perf_counter() - started_s
        calls = sum(report.calls for report in reports.values())
        print_line(f"[{took_s:.2f} s, {calls / took_s:,.0f} calls a second]", sys.stderr)
    return 0


def _text(reports: Mapping[str, Report]) -> str:
    return comparison_text(reports) if len(reports) > 1 else report_text(next(iter(reports.values())))


def _json(reports: Mapping[str, Report]) -> str:
    """One report, or an object of several by the names of their files."""
    if len(reports) == 1:
        return to_json(next(iter(reports.values())))
    return f"{{{','.join(f'{json.dumps(name)}:{to_json(report)}' for name, report in reports.items())}}}"


def _all_played(
    arguments: argparse.Namespace, names: tuple[str | None, ...]
) -> Outcome[dict[str, Report], ConfigurationError]:
    """The report of each configuration; all of them are read before the first is played."""
    read = read_scenario(arguments.scenario)
    if isinstance(read, Failure):
        return read
    scenario = read.unwrap() if arguments.seed is None else replace(read.unwrap(), seed=arguments.seed)
    configs = _configs(names)
    if isinstance(configs, Failure):
        return configs
    reports: dict[str, Report] = {}
    for name, config in configs.unwrap().items():
        played = _played(scenario, config, arguments.trace)
        if isinstance(played, Failure):
            return played
        reports[name] = played.unwrap()
    return Success(reports)


def _configs(names: tuple[str | None, ...]) -> Outcome[dict[str, LLMConfig], ConfigurationError]:
    """The configuration of each file, or of the environment for None."""
    configs: dict[str, LLMConfig] = {}
    for name in names:
        environ: Mapping[str, str] = os.environ if name is None else {CONFIG_FILE: name}
        found = config_from_env(environ)
        if isinstance(found, Failure):
            return found
        configs[name or "environment"] = found.unwrap()
    return Success(configs)


def _played(scenario: Scenario, config: LLMConfig, trace: str | None) -> Outcome[Report, ConfigurationError]:
    with _tracing(trace) as listen:
        return anyio.run(partial(simulate, scenario, generate, config=config, listen=listen))


@contextmanager
def _tracing(name: str | None) -> Generator[Listener | None]:
    if name is None:
        yield None
        return
    with Path(name).open("w", encoding="utf-8", newline="\n") as file:

        def listen(call: int, happening: Happening) -> None:
            file.write(f"{trace_line(call, happening)}\n")

        yield listen
