"""What would be done with a request: the answer of ``plan``."""

from __future__ import annotations

from dataclasses import dataclass

from llm_manager.domain.catalog import SamplingOption
from llm_manager.domain.errors import LLMError


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTarget:
    """One model in the order it would be asked. *skipped* is the error that is certain to keep it from being asked.
    *left_out_messages* are the oldest ones that do not fit its window, where ``truncation`` leaves them out.
    *dropped* are the sampling options that it does not take, and that would not be sent to it.

    The worst case: *worst_attempts* requests sent, *worst_cost_usd* paid (None: no price known), *worst_wait_s* spent
    in pauses between them and in the queues of our own limits before each.
    """

    model: str
    provider: str
    why: str
    skipped: LLMError | None = None
    left_out_messages: int = 0
    dropped: tuple[SamplingOption, ...] = ()
    worst_attempts: int = 0
    worst_cost_usd: float | None = None
    worst_wait_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutePlan:
    """Everything that ``generate`` may do with a request, and bounds on it; what it then does is always inside.

    The *targets* are in the order of asking, but for those of a pool: they are in the likeliest of the orders that a
    call may draw.
    """

    targets: tuple[PlannedTarget, ...]
    worst_attempts: int
    worst_cost_usd: float | None
    worst_latency_s: float
