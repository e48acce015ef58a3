"""Laws of metrics: quantiles within their bound, in memory that does not grow, and sums that nothing is lost from."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from llm_manager.adapters.observers.metrics import MemoryMetrics, at_most
from llm_manager.adapters.observers.tally import Latencies
from llm_manager.domain.errors import ServerError
from llm_manager.domain.events import AttemptFinished, CacheRead, Event, FellBack, RequestFinished, RetryScheduled
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import Attempt, Usage
from llm_manager.domain.status import OTHER_MODELS, MetricsSnapshot

BOUND = 0.025
DOWN = ServerError("m", 503)
LONGEST_MS = 24 * 3600 * 1000.0
latencies_ms = st.lists(st.floats(min_value=0.001, max_value=LONGEST_MS), min_size=1, max_size=200)


def exact_ms(values: list[float], part: float) -> float:
    """The nearest rank."""
    return sorted(values)[math.ceil(part * len(values)) - 1]


@given(latencies_ms, st.sampled_from([0.5, 0.95, 0.99, 1.0]))
def test_a_quantile_is_within_its_bound_of_the_exact_one(values: list[float], part: float) -> None:
    told = Latencies()
    for value in values:
        told.add(value)
    exact, got = exact_ms(values, part), told.quantile_ms(part)
    assert got is not None
    assert abs(got - exact) <= BOUND * exact + 1e-9
    assert min(values) <= got <= max(values)


@given(st.lists(st.floats(min_value=0.0, max_value=1e300), max_size=300))
def test_a_histogram_of_whatever_latencies_has_a_bounded_number_of_bins(values: list[float]) -> None:
    told = Latencies()
    for value in values:
        told.add(value)
    assert told.bins <= 521
    assert (told.quantile_ms(0.5) is None) is (not values)


def finished(model: str, outcome: str, tokens: int) -> AttemptFinished:
    usage = Usage(prompt_tokens=tokens, completion_tokens=tokens)
    return AttemptFinished(at_s=0, attempt=Attempt(model=model, provider="p", outcome=outcome, usage=usage), error=None)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 20).map("m{}".format), st.sampled_from(["ok", "left", "ServerError"]), st.integers(0, 9)
        )
    ),
    st.integers(1, 5),
)
def test_nothing_is_lost_when_models_are_more_than_are_counted_by_name(
    attempts: list[tuple[str, str, int]], most: int
) -> None:
    metrics = MemoryMetrics(most)
    for attempt in attempts:
        metrics.notify(finished(*attempt))
    models = metrics.snapshot().models
    assert len(models) <= most + 1
    assert (OTHER_MODELS in models) is (len({model for model, _, _ in attempts}) > most)
    for each in models.values():
        assert each.requests == each.successes + each.left + sum(each.failures.values())
    assert sum(each.requests for each in models.values()) == len(attempts)
    assert sum(each.prompt_tokens for each in models.values()) == sum(tokens for _, _, tokens in attempts)
    metrics.reset()
    assert metrics.snapshot() == MetricsSnapshot()


events = st.lists(
    st.one_of(
        st.builds(
            finished,
            st.sampled_from("abc"),
            st.sampled_from(["ok", "left", "ServerError"]),
            st.integers(0, 9),
        ),
        st.sampled_from("ab").map(lambda name: RetryScheduled(at_s=0.0, model=name, delay_s=1.0, error=DOWN)),
        st.builds(FellBack, at_s=st.just(0.0), model=st.just("a"), next_model=st.just("b"), error=st.just(DOWN)),
        st.builds(CacheRead, at_s=st.just(0.0), key=st.just("k"), hit=st.booleans()),
        st.builds(
            RequestFinished,
            at_s=st.just(0.0),
            operation=st.just("generate"),
            latency_ms=st.integers(1, 10**6).map(float),
            request=st.just(LLMRequest()),
            answer=st.just(DOWN),
        ),
    ),
    max_size=30,
)


@given(st.lists(events, max_size=4))
def test_the_figures_of_several_processes_add_up_to_those_of_one(processes: list[list[Event]]) -> None:
    alone, together = MemoryMetrics(), MemoryMetrics()
    for each in processes:
        own = MemoryMetrics()
        for event in each:
            own.notify(event)
            alone.notify(event)
        together.add_figures(own.figures())
    assert together.snapshot() == alone.snapshot()
    assert together.figures() == alone.figures()


@given(events, st.integers(0, 3), st.sets(st.sampled_from(["model:a", "model:x"])))
def test_models_beyond_the_most_are_counted_together_and_none_is_lost(
    told: list[Event], most: int, known: set[str]
) -> None:
    metrics = MemoryMetrics()
    for event in told:
        metrics.notify(event)
    bounded = MemoryMetrics()
    bounded.add_figures(at_most(most, known, metrics.figures()))
    assert len({f"model:{name}" for name in bounded.snapshot().models} - known - {f"model:{OTHER_MODELS}"}) <= most
    assert bounded.snapshot().totals == metrics.snapshot().totals
    before, after = (each.snapshot().models.values() for each in (metrics, bounded))
    assert sum(each.requests for each in after) == sum(each.requests for each in before)
