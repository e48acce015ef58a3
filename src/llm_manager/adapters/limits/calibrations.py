"""What this process has learnt of how targets count tokens."""

from __future__ import annotations

from typing import final

from llm_manager.policies.calibration import NOTHING_LEARNT, Calibration, answered, too_large

_MOST_TARGETS = 1000
"""Names of models may come from outside; the target that has taught nothing for longest is forgotten first."""


@final
class MemoryCalibrations:
    """One :class:`~llm_manager.policies.calibration.Calibration` for each target."""

    __slots__ = ("_targets",)

    def __init__(self) -> None:
        self._targets: dict[str, Calibration] = {}

    def known(self, key: str, /) -> Calibration:
        """What is known of the target *key*."""
        return self._targets.get(key, NOTHING_LEARNT)

    def answered(self, key: str, likely_tokens: int, used_tokens: int, /) -> None:
        """A prompt of *likely_tokens* was *used_tokens*, says the vendor."""
        self._keep(key, answered(self.known(key), likely_tokens, used_tokens))

    def too_large(self, key: str, likely_tokens: int, told_tokens: int | None, window_tokens: int | None, /) -> None:
        """A prompt of *likely_tokens* was refused for its size, with the figures that the vendor told."""
        self._keep(key, too_large(self.known(key), likely_tokens, told_tokens, window_tokens))

    def _keep(self, key: str, calibration: Calibration) -> None:
        self._targets.pop(key, None)
        self._targets[key] = calibration
        if len(self._targets) > _MOST_TARGETS:
            del self._targets[next(iter(self._targets))]
