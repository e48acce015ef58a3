"""Laws of metrics: quantiles within their bound, in memory that does not grow, and sums that nothing is lost from."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from llm_manager.adapters.observers.metrics import MemoryMetrics
from llm_manager.adapters.observers.tally import Latencies
from llm_manager.domain.events import AttemptFinished
from llm_manager.domain.response import Attempt, Usage
from llm_manager.domain.status import OTHER_MODELS, MetricsSnapshot

BOUND = 0.025
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
