"""Events as log lines, through structlog: for people on a console, or as JSON for machines.

Prompts and answers are shown only when asked for, and then in lines of the level ``debug``, so that whoever collects
lines can leave them out; keys never are, also where a text repeats one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, TextIO, final

from llm_manager.domain.descriptions import describe
from llm_manager.domain.errors import LLMError
from llm_manager.domain.events import (
    AttemptFinished,
    AttemptStarted,
    CacheRead,
    ConcurrencyLimited,
    Event,
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
from llm_manager.domain.masking import Mask
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import LLMResponse, UnknownCost
from llm_manager.domain.sanitize import escape_control_chars
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import ObserveSettings


@final
class LogObserver:
    """Writes each event as one line to *stream*, standard error if None."""

    __slots__ = ("_logger", "_mask", "_settings")

    def __init__(self, settings: ObserveSettings, stream: TextIO | None = None) -> None:
        import structlog  # noqa: PLC0415  # heavy, and only who logs needs it

        render: Any = (
            structlog.processors.JSONRenderer()
            if settings.log == "json"
            else structlog.dev.ConsoleRenderer(colors=(stream or sys.stderr).isatty())
        )
        readable = (structlog.processors.TimeStamper(fmt="iso"), structlog.processors.add_log_level, _safe)
        self._settings = settings
        self._mask = Mask(())
        self._logger: Any = structlog.wrap_logger(
            structlog.WriteLogger(stream or sys.stderr),
            processors=[*readable, render],
            wrapper_class=structlog.BoundLogger,
        )

    def hide(self, secrets: Iterable[Secret], /) -> None:
        """Mask *secrets* in the texts that are written."""
        self._mask = self._mask.hiding(secrets)

    def notify(self, event: Event, /) -> None:
        """Write it."""
        run = None if isinstance(event, StoreChanged | ObserverFailed) else event.run
        trace = {} if run is None or run.trace_id is None else {"trace": run.trace_id}
        has_text = self._settings.prompts and isinstance(event, RequestStarted | RequestFinished | RequestLeft)
        log = self._logger
        write = log.debug if has_text else log.warning if _has_failed(event) else log.info
        fields = _fields(event, with_text=self._settings.prompts)
        shown = {name: self._mask.text(value) if name in _TEXTS else value for name, value in fields.items()}
        write(type(event).__name__, **trace, **shown)


def _safe(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """The texts of *fields* as a person may read them: the renderer escapes only those that it puts in quotes."""
    return {name: escape_control_chars(value) if isinstance(value, str) else value for name, value in fields.items()}


_TEXTS = ("prompt", "answer", "error")


def _has_failed(event: Event) -> bool:
    """Whether it is something that somebody should look at."""
    match event:
        case RequestFinished(answer=answer):
            return not isinstance(answer, LLMResponse)
        case (
            AttemptFinished(error=error)
            | TargetSkipped(error=error)
            | RetryScheduled(error=error)
            | FellBack(error=error)
            | FeedPaused(error=error)
            | StoreChanged(error=error)
        ):
            return error is not None
        case SpanFinished(error=error, reason=reason):
            return error is not None or reason == "raised"
        case RequestLeft(reason=reason):
            return reason == "raised"
        case ObserverFailed():
            return True
        case _:  # nothing has gone wrong yet
            return False


def _fields(event: Event, *, with_text: bool) -> dict[str, Any]:  # noqa: C901, PLR0912  # one flat table
    """What is worth a place in the line."""
    match event:
        case RequestStarted(operation=operation, request=request):
            fields: dict[str, Any] = {"operation": operation, "task": request.task_type, **_labels(request)}
            return {**fields, "prompt": request.prompt} if with_text else fields
        case RequestFinished(operation=operation, latency_ms=latency_ms, request=request, answer=answer):
            told = {"operation": operation, "latency_ms": round(latency_ms, 1), **_labels(request)}
            return {**told, **_answer(answer, with_text=with_text)}
        case RequestLeft(operation=operation, latency_ms=latency_ms, request=request, reason=reason, partial=partial):
            left = {"operation": operation, "latency_ms": round(latency_ms, 1), "reason": reason, **_labels(request)}
            return left if partial is None else {**left, **_answer(partial, with_text=with_text)}
        case CacheRead(hit=hit):
            return {"hit": hit}
        case AttemptStarted(model=model, provider=provider):
            return {"model": model, "provider": provider}
        case AttemptFinished():
            return _attempt(event)
        case RetryScheduled(model=model, delay_s=delay_s, error=error):
            return {"model": model, "delay_s": round(delay_s, 3), **_error(error)}
        case FellBack(model=model, next_model=next_model, error=error):
            return {"model": model, "next_model": next_model, **_error(error)}
        case TargetSkipped(model=model, error=error):
            return {"model": model, **_error(error)}
        case OptionsDropped(model=model, dropped=dropped):
            return {"model": model, "dropped": list(dropped)}
        case Reasked(round=round_, error=error):
            return {"round": round_, **_error(error)}
        case SchemaModeChosen(model=model, mode=mode):
            return {"model": model, "mode": mode}
        case SpanStarted(name=name):
            return {"name": name}
        case SpanFinished(name=name, latency_ms=latency_ms, error=error, reason=reason):
            why = {} if reason is None else {"reason": reason}
            return {"name": name, "latency_ms": round(latency_ms, 1), **why, **_error(error)}
        case FeedPaused(model=model, wait_s=wait_s, error=error):
            return {"model": model, "wait_s": round(wait_s, 3), **_error(error)}
        case ConcurrencyLimited(model=model, concurrency=concurrency, limit=limit):
            return {"model": model, "concurrency": concurrency, "limit": limit}
        case StoreChanged(store=store, error=error):
            return {"store": store, "away": error is not None, **_error(error)}
        case ObserverFailed(observer=observer, error=error):
            return {"observer": observer, "error": error}
        case VendorBatchSeen(model=model, batch=batch):
            counts = {"total": batch.total, "succeeded": batch.succeeded, "failed": batch.failed}
            return {"model": model, "batch": batch.id, "status": batch.status, **counts}
        case GatewayTimed():
            return {
                "model": event.model,
                "trace_id": event.trace_id,
                "latency_ms": round(event.latency_ms, 1),
                "retries": event.retries,
                "option_index": event.option_index,
                "cache_status": event.cache_status,
            }


def _attempt(finished: AttemptFinished) -> dict[str, Any]:
    """One line of the ledger."""
    attempt = finished.attempt
    told = {"model": attempt.model, "key": attempt.key_id, "latency_ms": round(attempt.latency_ms, 1)}
    if attempt.first_ms is not None:
        told["first_ms"] = round(attempt.first_ms, 1)
    return {**told, "waited_s": round(attempt.waited_s, 3), "outcome": attempt.outcome, **_error(finished.error)}


def _labels(request: LLMRequest) -> dict[str, Any]:
    return {"labels": dict(request.labels)} if request.labels else {}


def _error(error: LLMError | None) -> dict[str, Any]:
    return {} if error is None else {"error": describe(error)}


def _answer(answer: LLMResponse | LLMError, *, with_text: bool) -> dict[str, Any]:
    if not isinstance(answer, LLMResponse):
        return _error(answer)
    cost = answer.usage.cost
    told = {
        "model": answer.model,
        "cached": answer.metadata.cached,
        "attempts": len(answer.metadata.attempts),
        "tokens": answer.usage.total_tokens,
        "cost_usd": None if isinstance(cost, UnknownCost) else cost.usd,
    }
    return {**told, "answer": answer.content} if with_text else told
