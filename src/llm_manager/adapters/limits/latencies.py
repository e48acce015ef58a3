"""How fast targets have been lately, in this process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from llm_manager.policies.latency import Latency, answered, faded, failed

_MOST_TARGETS = 1000
"""Names of models may come from outside; the target that has been silent longest is forgotten first."""


@final
class MemoryLatencies:
    """One :class:`~llm_manager.policies.latency.Latency` for each target."""

    __slots__ = ("_targets",)

    def __init__(self) -> None:
        self._targets: dict[str, Latency] = {}

    def record(self, key: str, latency_ms: float, now_s: float, /, *, succeeded: bool) -> None:
        """An answer of the target *key* took *latency_ms*, or a failure did."""
        before = self._targets.pop(key, None)
        after = (answered if succeeded else failed)(before, latency_ms, now_s)
        if after is not None:
            self._targets[key] = after
        if len(self._targets) > _MOST_TARGETS:
            del self._targets[next(iter(self._targets))]

    def lately(self, now_s: float, /) -> Mapping[str, Latency]:
        """What is known, as it counts now."""
        return {key: faded(latency, now_s) for key, latency in self._targets.items()}
