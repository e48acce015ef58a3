"""The calls of a scenario, in the order in which they come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from heapq import merge
from typing import TypeAlias

from llm_manager.domain.request import LLMRequest, Preferences
from llm_manager.policies.prompt_estimate import MESSAGE_TOKENS
from llm_manager.policies.token_estimate import token_range
from llm_manager.testing.simulation.chance import chance, gap_s
from llm_manager.testing.simulation.scenario import Burst, Scenario, Steady, Traffic, ends_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: its *number*, from 1 on, when it comes, what it asks, and how long a whole answer to it is."""

    number: int
    at_s: float
    request: LLMRequest
    prompt_tokens: int
    answer_tokens: int


_WORD = " word"
"""A word that every tokenizer has."""

_Arrival: TypeAlias = tuple[float, int, int]
"""When, of which kind of traffic, and the how many-th of that."""


def calls_of(scenario: Scenario) -> Iterator[Call]:
    """Every call of *scenario*, one after the other."""
    kinds = enumerate(scenario.traffic)
    for number, (at_s, kind, nth) in enumerate(merge(*(_arrivals(scenario, *each) for each in kinds)), start=1):
        yield _call(scenario.seed, scenario.traffic[kind], number, at_s, kind, nth)


def _arrivals(scenario: Scenario, kind: int, traffic: Traffic) -> Iterator[_Arrival]:
    draw = partial(chance, scenario.seed, "traffic", kind)
    until_s = ends_s(traffic, scenario.duration_s)
    match traffic.arrive:
        case Steady(per_second=per_second):
            return _at_random(traffic.at_s, until_s, per_second, draw=draw, kind=kind)
        case Burst(calls=calls):
            moments = sorted(traffic.at_s + draw("at", nth) * (until_s - traffic.at_s) for nth in range(calls))
            return iter([(at_s, kind, nth) for nth, at_s in enumerate(moments)])


def _at_random(
    at_s: float, until_s: float, per_second: float, *, draw: partial[float], kind: int
) -> Iterator[_Arrival]:
    nth = 0
    while (at_s := at_s + gap_s(draw("gap", nth), per_second)) < until_s:
        yield at_s, kind, nth
        nth += 1


def _call(seed: int, traffic: Traffic, number: int, at_s: float, kind: int, nth: int) -> Call:
    """What a call asks depends on its question alone: two that ask the same are the same request."""
    question = nth if traffic.questions is None else int(chance(seed, "question", kind, nth) * traffic.questions)
    prompt_tokens = _between(traffic.prompt_tokens, chance(seed, "prompt", kind, question))
    return Call(
        number=number,
        at_s=at_s,
        request=request_of(traffic, f"Question {question} of kind {kind}. ", prompt_tokens),
        prompt_tokens=prompt_tokens,
        answer_tokens=_between(traffic.answer_tokens, chance(seed, "answer", kind, question)),
    )


def request_of(traffic: Traffic, question: str, prompt_tokens: int) -> LLMRequest:
    """The request that asks *question*, made about *prompt_tokens* long by our own estimate."""
    return LLMRequest(
        prompt=question + _WORD * (prompt_tokens - MESSAGE_TOKENS.likely - token_range(question).likely),
        task_type=traffic.task,
        preferences=Preferences(model=traffic.model, max_tokens=traffic.max_tokens, priority=traffic.priority),
        streaming=traffic.streaming,
        deadline_s=traffic.deadline_s,
    )


def _between(bounds: tuple[int, int], part: float) -> int:
    low, high = bounds
    return low + int(part * (high - low + 1))
