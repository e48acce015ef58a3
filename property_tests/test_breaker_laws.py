"""The circuit breaker against a plain model that forgets nothing and reckons everything anew, whatever its settings."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from llm_manager.domain.settings import BreakerSettings
from llm_manager.policies import breaker
from property_tests.moments import gaps_s

Verdict = Literal["success", "failure", "neither"]
verdicts: st.SearchStrategy[Verdict] = st.sampled_from(["success", "failure", "neither"])
chances = st.sampled_from([0.0, 0.5, 0.999])
settings_of_breakers = st.builds(
    BreakerSettings,
    failure_threshold=st.sampled_from([1, 2, 4, 1000]),
    failure_rate=st.sampled_from([0.1, 0.28, 0.3, 1 / 3, 0.5, 0.7, 1.0]),
    minimum_calls=st.sampled_from([1, 3, 6, 10]),
    window_s=st.sampled_from([0.5, 1.0, 10.0, 30.0]),
    open_s=st.sampled_from([2.0**-7, 20.0, 500.0]),
    max_open_s=st.sampled_from([20.0, 70.0, 300.0]),
    success_threshold=st.integers(1, 3),
    probe_s=st.sampled_from([2.0**-7, 8.0, 120.0]),
)


@dataclass(eq=False)
class Call:
    """Somebody who was let through: under which *generation*, in which *era* of the model, and whether to probe."""

    generation: int
    era: int
    probe: bool
    began_s: float


class Against(RuleBasedStateMachine):
    """The model: a mode, every (time, failed) since it last closed, and an era that ends wherever answers under way
    must not count any more. What is in the window is counted from the whole list each time."""

    @initialize(settings=settings_of_breakers)
    def begins(self, settings: BreakerSettings) -> None:
        self.settings = settings
        self.state: breaker.State = breaker.Closed()
        self.now_s = 0.0
        self.under_way: list[Call] = []
        self.mode: Literal["closed", "open", "half-open"] = "closed"
        self.results: list[tuple[float, bool]] = []
        self.era = 0
        self.until_s = self.open_s = 0.0
        self.probe: Call | None = None
        self.lease_ends_s = 0.0
        self.good_probes = 0

    @rule(gap_s=gaps_s)
    def time_passes(self, gap_s: float) -> None:
        self.now_s += gap_s

    @precondition(lambda self: self.mode != "closed")
    @rule(late=st.booleans())
    def the_moment_comes_that_was_told(self, late: bool) -> None:
        if not late:  # exactly then, and not a moment before
            moment_s, _ = self.now_s, self.somebody_asks()
            self.now_s = max(self.until_s if self.mode == "open" else self.lease_ends_s, moment_s)
        else:
            self.now_s += self.settings.max_open_s

    @rule()
    def somebody_asks(self) -> None:
        self.state, answer = breaker.admit(self.state, self.now_s, self.settings)
        wait_s = self.expected_wait_s()
        if wait_s > 0:
            assert answer == breaker.Refused(wait_s, probing=self.mode != "open")
            return
        assert isinstance(answer, breaker.Admitted)
        assert answer.probe == (self.mode != "closed")
        if answer.probe:
            self.era += 1
        call = Call(answer.generation, self.era, answer.probe, self.now_s)
        self.under_way.append(call)
        if answer.probe:
            self.mode, self.probe, self.lease_ends_s = "half-open", call, self.now_s + self.settings.probe_s

    def expected_wait_s(self) -> float:
        if self.mode == "open":
            return self.until_s - self.now_s
        return 0.0 if self.probe is None else self.lease_ends_s - self.now_s

    @precondition(lambda self: self.under_way)
    @rule(which=st.integers(0, 10**6), verdict=verdicts, chance=chances, times=st.integers(1, 2))
    def an_answer_comes(self, which: int, verdict: Verdict, chance: float, times: int) -> None:
        call = self.under_way.pop(which % len(self.under_way))
        for _ in range(times if call.probe else 1):
            self.hear(call, verdict, chance)

    @precondition(lambda self: self.mode != "closed")
    @rule(verdict=verdicts, chance=chances)
    def a_probe_runs_its_course(self, verdict: Verdict, chance: float) -> None:
        self.now_s += max(self.expected_wait_s(), 0.0)
        self.somebody_asks()
        if self.probe is not None:
            self.under_way.remove(self.probe)
            self.hear(self.probe, verdict, chance)

    @precondition(lambda self: self.mode != "closed")
    @rule(first=verdicts, second=verdicts)
    def a_second_probe_begins_when_the_first_one_outlives_its_lease(self, first: Verdict, second: Verdict) -> None:
        self.the_moment_comes_that_was_told(late=False)
        self.somebody_asks()
        earlier = self.probe
        self.the_moment_comes_that_was_told(late=False)
        self.somebody_asks()
        later = self.probe
        said: tuple[tuple[Call | None, Verdict], ...] = ((earlier, first), (later, second))
        for call, verdict in said:
            if call is not None and call in self.under_way:
                self.under_way.remove(call)
                self.hear(call, verdict, 0.5)

    @rule(failed=st.booleans(), count=st.integers(1, 12))
    def calls_come_and_go(self, failed: bool, count: int) -> None:
        for _ in range(count):
            before = len(self.under_way)
            self.somebody_asks()
            if len(self.under_way) > before:
                verdict: Verdict = "failure" if failed else "success"
                self.hear(self.under_way.pop(), verdict, 0.0)

    @rule(share=st.sampled_from([(1, 3), (1, 10), (3, 10), (7, 10), (7, 25)]))
    def exactly_so_many_of_so_many_fail(self, share: tuple[int, int]) -> None:
        failed, count = share
        self.time_passes(self.settings.window_s)
        self.calls_come_and_go(failed=False, count=count - failed)
        self.calls_come_and_go(failed=True, count=failed)

    def hear(self, call: Call, verdict: Verdict, chance: float) -> None:
        self.state = breaker.record(
            self.state, call.generation, verdict, call.began_s, self.now_s, chance, self.settings
        )
        if call.era != self.era or self.mode == "open":
            return
        if self.mode == "closed":
            self.count(verdict, call.began_s)
        elif call is self.probe:
            self.probe = None
            self.judge(verdict, chance)

    def count(self, verdict: Verdict, began_s: float) -> None:
        if verdict == "neither":
            return
        seen_s = max((at_s for at_s, failed in self.results if failed), default=None)
        if verdict == "failure" and seen_s is not None and began_s < seen_s and self.now_s - seen_s < breaker.BURST_S:
            return  # one observation with the failure before it
        self.results.append((self.now_s, verdict == "failure"))
        if self.run_of_failures() >= self.settings.failure_threshold or self.fails_too_often():
            self.open_for(self.settings.open_s, self.settings.open_s)

    def run_of_failures(self) -> int:
        run = 0
        for _, failed in reversed(self.results):
            if not failed:
                break
            run += 1
        return run

    def fails_too_often(self) -> bool:
        first = self.part(self.now_s) - breaker.BUCKETS + 1
        counted = [failed for at_s, failed in self.results if self.part(at_s) >= first]
        certain = sum(self.now_s - at_s <= 0.9 * self.settings.window_s for at_s, _ in self.results)
        possible = sum(self.now_s - at_s < self.settings.window_s for at_s, _ in self.results)
        assert certain <= len(counted) <= possible
        rate = Fraction(self.settings.failure_rate).limit_denominator(1000)  # as it was meant, and not as it is stored
        return len(counted) >= self.settings.minimum_calls and Fraction(sum(counted), len(counted)) >= rate

    def part(self, at_s: float) -> int:
        return int(at_s * breaker.BUCKETS // self.settings.window_s)  # exact: see moments

    def judge(self, verdict: Verdict, chance: float) -> None:
        if verdict == "failure":
            longer_s = max(min(self.open_s * 2, self.settings.max_open_s), self.open_s)
            self.open_for(longer_s, longer_s * (1 + breaker.JITTER * chance))
        elif verdict == "success":
            self.good_probes += 1
            if self.good_probes == self.settings.success_threshold:
                self.mode, self.results, self.era, self.good_probes = "closed", [], self.era + 1, 0

    def open_for(self, open_s: float, jittered_s: float) -> None:
        self.mode, self.open_s, self.era, self.good_probes = "open", open_s, self.era + 1, 0
        self.until_s = self.now_s + jittered_s
        self.probe = None

    @invariant()
    def modes_agree(self) -> None:
        expected = {"closed": breaker.Closed, "open": breaker.Open, "half-open": breaker.HalfOpen}[self.mode]
        assert isinstance(self.state, expected)

    @invariant()
    def memory_is_bounded(self) -> None:
        assert not isinstance(self.state, breaker.Closed) or len(self.state.window) <= breaker.BUCKETS


TestBreaker = pytest.mark.machine(Against.TestCase)
