"""The circuit breaker against a plain model that remembers every call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from llm_manager.domain.settings import BreakerSettings
from llm_manager.policies import breaker

SETTINGS = BreakerSettings(minimum_calls=6, failure_threshold=4, window_s=30.0, open_s=20.0, max_open_s=70.0, probe_s=8)
PART_S = SETTINGS.window_s / breaker.BUCKETS

Verdict = Literal["success", "failure", "neither"]


@dataclass(frozen=True)
class Ticket:
    """What the model remembers of an admitted call: its era, and whether it is a probe."""

    generation: int
    era: int
    probe: bool


class Against(RuleBasedStateMachine):
    """The model: a mode, a list of (time, failed), and an era that moves on wherever old answers must not count."""

    def __init__(self) -> None:
        super().__init__()
        self.state: breaker.State = breaker.Closed()
        self.now_s = 0.0
        self.tickets: list[Ticket] = []
        self.mode: Literal["closed", "open", "half-open"] = "closed"
        self.calls: list[tuple[float, bool]] = []
        self.run = 0
        self.era = 0
        self.until_s = self.open_s = 0.0
        self.lease_s: float | None = None
        self.probes_well = 0

    @rule(seconds=st.sampled_from([0.5, 3.0, 8.0, 20.0, 27.0, 30.0, 77.0]))
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds

    @rule()
    def somebody_asks(self) -> None:
        self.state, answer = breaker.admit(self.state, self.now_s, SETTINGS)
        wait_s = self.expected_wait_s()
        if wait_s > 0:
            assert answer == breaker.Refused(wait_s)
            return
        assert isinstance(answer, breaker.Admitted)
        assert answer.probe == (self.mode != "closed")
        if answer.probe:
            self.mode, self.lease_s, self.era = "half-open", self.now_s + SETTINGS.probe_s, self.era + 1
        self.tickets.append(Ticket(answer.generation, self.era, answer.probe))

    def expected_wait_s(self) -> float:
        if self.mode == "open":
            return self.until_s - self.now_s
        return 0.0 if self.mode == "closed" or self.lease_s is None else self.lease_s - self.now_s

    @precondition(lambda self: self.tickets)
    @rule(which=st.integers(0, 10**6), verdict=st.sampled_from(["success", "failure", "neither"]), twice=st.booleans())
    def an_answer_comes(self, which: int, verdict: Verdict, twice: bool) -> None:
        ticket = self.tickets.pop(which % len(self.tickets))
        self.hear(ticket, verdict)
        if twice and ticket.probe:
            self.hear(ticket, verdict)

    @precondition(lambda self: self.mode != "closed")
    @rule(verdict=st.sampled_from(["success", "failure", "neither"]), times=st.integers(1, 2))
    def a_probe_runs_its_course(self, verdict: Verdict, times: int) -> None:
        self.now_s += max(self.expected_wait_s(), 0.0)
        self.somebody_asks()
        ticket = self.tickets.pop()
        for _ in range(times):
            self.hear(ticket, verdict)

    @rule(failed=st.booleans(), count=st.integers(1, 4))
    def calls_come_and_go(self, failed: bool, count: int) -> None:
        for _ in range(count):
            self.somebody_asks()
            if self.tickets and self.tickets[-1].era == self.era:
                self.hear(self.tickets.pop(), "failure" if failed else "success")

    def hear(self, ticket: Ticket, verdict: Verdict) -> None:
        self.state = breaker.record(self.state, ticket.generation, verdict, self.now_s, 0.5, SETTINGS)
        if ticket.era != self.era or self.mode == "open":
            return
        if self.mode == "closed":
            self.count(verdict)
        elif self.lease_s is not None:
            self.lease_s = None
            self.judge(verdict)

    def count(self, verdict: Verdict) -> None:
        if verdict == "neither":
            return
        self.calls.append((self.now_s, verdict == "failure"))
        self.run = self.run + 1 if verdict == "failure" else 0
        first = self.now_s // PART_S - breaker.BUCKETS
        recent = [failed for at_s, failed in self.calls if at_s // PART_S > first]
        often = len(recent) >= SETTINGS.minimum_calls and sum(recent) / len(recent) >= SETTINGS.failure_rate
        if often or self.run >= SETTINGS.failure_threshold:
            self.open_for(SETTINGS.open_s, jitter=0.0)

    def judge(self, verdict: Verdict) -> None:
        if verdict == "failure":
            self.open_for(min(self.open_s * 2, SETTINGS.max_open_s), jitter=0.5)
        elif verdict == "success":
            self.probes_well += 1
            if self.probes_well == SETTINGS.success_threshold:
                self.mode, self.calls, self.run, self.era, self.probes_well = "closed", [], 0, self.era + 1, 0

    def open_for(self, seconds: float, jitter: float) -> None:
        self.mode, self.open_s, self.era, self.probes_well = "open", seconds, self.era + 1, 0
        self.until_s = self.now_s + seconds * (1 + breaker.JITTER * jitter)

    @invariant()
    def modes_agree(self) -> None:
        expected = {"closed": breaker.Closed, "open": breaker.Open, "half-open": breaker.HalfOpen}[self.mode]
        assert isinstance(self.state, expected)

    @invariant()
    def memory_is_bounded(self) -> None:
        assert not isinstance(self.state, breaker.Closed) or len(self.state.window) <= breaker.BUCKETS


TestBreaker = Against.TestCase
TestBreaker.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
