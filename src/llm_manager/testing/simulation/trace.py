"""What happened to each call, one JSON object a line: small enough to grep, without prompts and answers."""

from __future__ import annotations

import json
from typing import TypeAlias, assert_never

from llm_manager.domain.errors import LLMError
from llm_manager.domain.events import (
    AttemptFinished,
    AttemptStarted,
    CacheRead,
    ConcurrencyLimited,
    FeedPaused,
    FellBack,
    GatewayTimed,
    ObserverFailed,
    OptionsDropped,
    Reasked,
    RequestFinished,
    RequestLeft,
    RequestStarted,
    RetryScheduled,
    SchemaModeChosen,
    SpanFinished,
    SpanStarted,
    StoreChanged,
    TargetSkipped,
    VendorBatchSeen,
)
from llm_manager.domain.response import LLMResponse
from llm_manager.testing.simulation.tally import Happening
from llm_manager.testing.simulation.watch import BreakerMoved, CallRefused, Queued

Fact: TypeAlias = str | int | float | bool | None


def trace_line(call: int, happening: Happening) -> str:
    """*happening* as a line: when (seconds), which call, what, and the facts of it.

    >>> trace_line(3, CacheRead(at_s=1.5, key="abc", hit=True))
    '{"at_s": 1.5, "call": 3, "event": "CacheRead", "hit": true}'
    """
    facts = {name: round(fact, 6) if isinstance(fact, float) else fact for name, fact in _facts(happening).items()}
    line = {"at_s": round(happening.at_s, 6), "call": call, "event": type(happening).__name__, **facts}
    return json.dumps(line, ensure_ascii=False)


def _facts(happening: Happening) -> dict[str, Fact]:  # noqa: C901, PLR0912  # one flat table
    match happening:
        case RequestStarted(operation=operation, request=request):
            return {"operation": operation, "task": request.task_type}
        case RequestFinished(operation=operation, latency_ms=latency_ms, answer=answer):
            said = {"model": answer.model} if isinstance(answer, LLMResponse) else {"error": answer.tag}
            return {"operation": operation, **said, "latency_ms": latency_ms}
        case RequestLeft(operation=operation, latency_ms=latency_ms, reason=reason):
            return {"operation": operation, "reason": reason, "latency_ms": latency_ms}
        case CacheRead(hit=hit):
            return {"hit": hit}
        case TargetSkipped(model=model, error=error):
            return {"model": model, **_failure(error)}
        case OptionsDropped(model=model, dropped=dropped):
            return {"model": model, "dropped": ", ".join(dropped)}
        case AttemptStarted(model=model):
            return {"model": model}
        case AttemptFinished(attempt=attempt):
            outcome = {"model": attempt.model, "outcome": attempt.outcome, "key": attempt.key_id}
            return {**outcome, "waited_s": attempt.waited_s, "latency_ms": attempt.latency_ms}
        case RetryScheduled(model=model, delay_s=delay_s, error=error):
            return {"model": model, "delay_s": delay_s, **_failure(error)}
        case FellBack(model=model, next_model=next_model, error=error):
            return {"model": model, "next_model": next_model, **_failure(error)}
        case Reasked(round=round_, error=error):
            return {"round": round_, **_failure(error)}
        case SchemaModeChosen(model=model, mode=mode):
            return {"model": model, "mode": mode}
        case GatewayTimed(model=model, latency_ms=latency_ms):
            return {"model": model, "latency_ms": latency_ms}
        case FeedPaused(model=model, wait_s=wait_s, error=error):
            return {"model": model, "wait_s": wait_s, **_failure(error)}
        case ConcurrencyLimited(model=model, concurrency=concurrency, limit=limit):
            return {"model": model, "concurrency": concurrency, "limit": limit}
        case StoreChanged(store=store, error=error):
            return {"store": store, **({} if error is None else _failure(error))}
        case ObserverFailed(observer=observer, error=error):
            return {"observer": observer, "error": error}
        case SpanStarted(name=name):
            return {"name": name}
        case VendorBatchSeen(model=model, batch=batch):
            return {"model": model, "batch": batch.id, "status": batch.status}
        case SpanFinished(name=name, latency_ms=latency_ms):
            return {"name": name, "latency_ms": latency_ms}
        case BreakerMoved(key=key, before=before, after=after):
            return {"breaker": key, "before": before, "after": after}
        case CallRefused(key=key, retry_after_s=retry_after_s):
            return {"breaker": key, "retry_after_s": retry_after_s}
        case Queued(where=where, waited_s=waited_s):
            return {"for": where, "waited_s": waited_s}
        case _:
            assert_never(happening)


def _failure(error: LLMError) -> dict[str, Fact]:
    return {"error": error.tag}
