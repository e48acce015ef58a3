"""The models of one call that refused it for a while, and when the first of them may be asked again."""

from __future__ import annotations

from typing import final

from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import CircuitOpen, LLMError
from llm_manager.policies.candidate import Candidate, Chosen
from llm_manager.policies.model_limits import limits_of
from llm_manager.policies.patience import CIRCUIT_S, QUEUE_S, TURNS, refused_for_s


@final
class WaitingList:
    """Models by their index in the chain, each with the moment from which it may be asked again.

    Rate limits end when their vendors say, so they are waited for up to :data:`QUEUE_S` in all; an open circuit may
    stay open, and keeps a call waiting for :data:`CIRCUIT_S` only, unless it waits anyway.
    """

    __slots__ = ("_began_s", "_circuits", "_config", "_moments", "_turns")

    def __init__(self, config: LLMConfig) -> None:
        self._config = config
        self._moments: dict[int, float] = {}
        self._circuits: set[int] = set()
        self._began_s: float | None = None
        self._turns = TURNS

    def __bool__(self) -> bool:
        return bool(self._moments)

    def add(self, index: int, candidate: Candidate, error: LLMError, now_s: float) -> None:
        """The *candidate* at *index* failed with *error*: keep it if that ends at a known moment."""
        self._circuits.discard(index)
        key = candidate.target.key if isinstance(candidate, Chosen) else ""
        wait_s = refused_for_s(self._config, error, limits_of(self._config, key).max_wait_s)
        if wait_s is None:
            return
        self._moments[index] = now_s + wait_s
        if isinstance(error, CircuitOpen):
            self._circuits.add(index)

    def take(self, now_s: float) -> tuple[int, float] | None:
        """The model that may be asked next, and the seconds until then; None where that is too long."""
        self._began_s = now_s if self._began_s is None else self._began_s
        longest_s = CIRCUIT_S if self._circuits.issuperset(self._moments) else QUEUE_S
        index = min(self._moments, key=self._moments.__getitem__, default=None)
        if index is None or self._turns == 0 or self._moments[index] - self._began_s > longest_s:
            return None
        self._turns -= 1
        return index, max(self._moments.pop(index) - now_s, 0.0)
