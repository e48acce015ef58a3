"""The key ring against a plain model: tables of what each key is doing and when it may be used again."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from llm_manager.domain.errors import AuthenticationFailed, LLMError, NetworkError, QuotaExhausted, RateLimitExceeded
from llm_manager.domain.settings import KeySettings
from llm_manager.policies.key_ring import QUOTA_REST_S, Busy, Chosen, choose, given_back, ring_of

SETTINGS = KeySettings(max_connections_per_key=2, cool_down_s=3.0)
GROUPS = ("ours", "theirs", "ours")
COUNT = 4
ERRORS: tuple[LLMError | None, ...] = (
    None,
    NetworkError("m"),
    RateLimitExceeded("m", 20.0),
    RateLimitExceeded("m", 5.0),
    RateLimitExceeded("m", None),
    QuotaExhausted("m"),
    AuthenticationFailed("m", forbidden=True),
    AuthenticationFailed("m"),
)
models = st.sampled_from(["m", "other"])


class Against(RuleBasedStateMachine):
    """The model: calls in flight, times of recovery, refused keys, and pairs of key and model that are barred."""

    def __init__(self) -> None:
        super().__init__()
        self.ring = ring_of(COUNT, GROUPS)
        self.now_s = 0.0
        self.calls: list[tuple[int, str]] = []
        self.rests_until_s = [0.0] * COUNT
        self.gone: set[int] = set()
        self.barred: set[tuple[int, str]] = set()
        self.last = -1

    @rule(seconds=st.sampled_from([1.0, 3.0, 7.0, 4000.0]))
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds

    def in_flight(self, index: int) -> int:
        return sum(each == index for each, _ in self.calls)

    def may_use(self, model: str) -> list[int]:
        return [index for index in range(COUNT) if index not in self.gone and (index, model) not in self.barred]

    @rule(model=models, count=st.integers(2, 6))
    def several_ask(self, model: str, count: int) -> None:
        for _ in range(count):
            self.somebody_asks(model)

    @rule(model=models)
    def somebody_asks(self, model: str) -> None:
        self.ring, choice = choose(self.ring, model, self.now_s, SETTINGS)
        allowed = self.may_use(model)
        healthy = [index for index in allowed if self.rests_until_s[index] <= self.now_s]
        free = [index for index in healthy if self.in_flight(index) < SETTINGS.max_connections_per_key]
        if free:  # the next after the last one chosen
            self.last = min(free, key=lambda index: (index - self.last - 1) % COUNT)
            assert choice == Chosen(self.last)
            self.calls.append((self.last, model))
        elif healthy:
            assert choice == Busy()
        elif allowed:
            assert isinstance(choice, RateLimitExceeded | QuotaExhausted)
            soonest_s = min(self.rests_until_s[index] for index in allowed)
            assert isinstance(choice, QuotaExhausted) or choice.retry_after_s == soonest_s - self.now_s
        else:
            assert isinstance(choice, AuthenticationFailed)

    @precondition(lambda self: self.calls)
    @rule(which=st.integers(0, 10**6), error=st.sampled_from(ERRORS))
    def a_call_ends(self, which: int, error: LLMError | None) -> None:
        index, model = self.calls.pop(which % len(self.calls))
        self.ring = given_back(self.ring, index, model, error, self.now_s, SETTINGS)
        match error:
            case AuthenticationFailed(forbidden=True):
                self.barred.add((index, model))
            case AuthenticationFailed():
                self.gone.add(index)
            case QuotaExhausted():
                self.rest(index, QUOTA_REST_S)
            case RateLimitExceeded(retry_after_s=asked_s):
                self.rest(index, 3.0 if asked_s is None else asked_s)
            case _:
                pass

    def rest(self, index: int, seconds: float) -> None:
        together = (0, 2) if index in (0, 2) else (index,)
        for each in together:
            self.rests_until_s[each] = max(self.rests_until_s[each], self.now_s + seconds)

    @invariant()
    def calls_in_flight_agree(self) -> None:
        counted = [key.in_flight for key in self.ring.keys]
        assert counted == [self.in_flight(index) for index in range(COUNT)]
        assert max(counted) <= SETTINGS.max_connections_per_key


TestKeyRing = Against.TestCase
TestKeyRing.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
