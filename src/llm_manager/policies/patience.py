"""How long one attempt may wait, which depends on whether another model can be asked instead."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import CircuitOpen, LLMError, RateLimitExceeded
from llm_manager.domain.settings import RetrySettings
from llm_manager.policies.retryable import is_excluded

QUEUE_S = 300.0
"""A call without another model waits no longer than this for keys that rest: a feed may, a caller should decide."""

CIRCUIT_S = 10.0
"""How long a call without another model waits for an open circuit: through the first probes after a blip."""

PROBE_S = 0.5
"""How soon a circuit is looked at again whose probe is under way."""

TURNS = 20
"""How often one call may be rate limited, each time with a wait of known length, before that is its failure."""


@dataclass(frozen=True, slots=True)
class Patience:
    """The longest wait of known length (*wait_s*) and for a circuit to close (*circuit_s*), how many *retries* there
    are, and whether an ambiguous failure *repeats* once."""

    wait_s: float
    circuit_s: float
    retries: int
    repeats: bool

    @property
    def queue_s(self) -> float:
        """The longest wait for keys that rest, of all turns together."""
        return min(self.wait_s, QUEUE_S)


def alone(settings: RetrySettings) -> Patience:
    """No other model can be asked: a wait of known length is a queue."""
    return Patience(inf, CIRCUIT_S, settings.max_retries, settings.ambiguous)


def among_others(settings: RetrySettings) -> Patience:
    """Another model can be asked, which comes before a long wait and before a second request that may be billed."""
    return Patience(settings.patience_s, 0.0, settings.max_retries, repeats=False)


def once_more(settings: RetrySettings, *, is_alone: bool) -> Patience:
    """No model of the chain could answer: one that refused for a while is asked once more."""
    if is_alone:
        return Patience(inf, CIRCUIT_S, 0, repeats=False)
    return Patience(settings.patience_s, 0.0, 0, repeats=False)


def refused_for_s(config: LLMConfig, error: LLMError, max_wait_s: float) -> float | None:
    """Seconds after which a model that refused with *error* may be asked again within the same call, None where that is
    not known, or longer than the *max_wait_s* of its limits."""
    if is_excluded(config.retry, error):
        return None
    match error:
        case RateLimitExceeded(retry_after_s=wait_s, local=True):
            return wait_s if wait_s is not None and wait_s <= max_wait_s else None
        case RateLimitExceeded(retry_after_s=wait_s):
            return config.keys.cool_down_s if wait_s is None else wait_s
        case CircuitOpen(retry_after_s=wait_s, probing=probing):
            return PROBE_S if probing or wait_s is None else wait_s
        case _:
            return None
