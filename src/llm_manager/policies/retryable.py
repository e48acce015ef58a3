"""What the user's ``retry.retryable`` makes of an error, beside the fault matrix."""

from __future__ import annotations

from llm_manager.domain.errors import CircuitOpen, LLMError, NetworkError
from llm_manager.domain.settings import RetrySettings
from llm_manager.domain.verdicts import Again, again, is_ambiguous, nothing_was_sent


def is_excluded(settings: RetrySettings, error: LLMError) -> bool:
    """Does the user want *error* of a model not to be retried? A refusal of ours is not the user's to exclude."""
    return settings.retryable is not None and not _is_ours(error) and not _is_named(settings, error)


def again_for(settings: RetrySettings, error: LLMError) -> Again:
    """As :func:`~llm_manager.domain.verdicts.again`, with the user's word for the matrix's.

    An ambiguous failure is never retried more freely than the matrix says, for the model may have billed it; nor is a
    refusal of ours, which would only be repeated.
    """
    answer = again(error)
    if settings.retryable is None or _is_ours(error) or answer == "other_key":
        return answer
    if not _is_named(settings, error):
        return "no"
    return answer if is_ambiguous(error) else "yes"


def _is_named(settings: RetrySettings, error: LLMError) -> bool:
    retryable = settings.retryable
    return error.tag in retryable if isinstance(retryable, tuple) else retryable is not None and retryable(error)


def _is_ours(error: LLMError) -> bool:
    return isinstance(error, CircuitOpen) or (nothing_was_sent(error) and not isinstance(error, NetworkError))
