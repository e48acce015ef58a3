"""How a day that was played looks: figures, a table of models and a chart; or several configurations side by side."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence

from llm_manager import Cost, UnknownCost
from llm_manager.cli.chart import Paint, Row, chart, paint_for, ramp_for, span
from llm_manager.cli.show import dollars, seconds, table
from llm_manager.domain.sanitize import escape_control_chars
from llm_manager.testing.simulation import SLOTS, Opening, Quantiles, Report

MOST_LINES = 6
"""More lines of one kind than these nobody reads; ``--json`` has them all."""


def comparison_text(reports: Mapping[str, Report]) -> str:
    """The same day under several configurations, by their names; in colour if standard output is a terminal."""
    paint = paint_for(sys.stdout)
    first = next(iter(reports.values()))
    full = max(first.calls_over_time) or 1
    calls = Row("calls", first.calls_over_time, full, f"peak {max(first.calls_over_time):,}")
    failures = (
        Row(f"{name} failed", each.failures_over_time, full, f"{sum(each.failures_over_time):,}", "red")
        for name, each in reports.items()
    )
    head = ("CONFIG", "ANSWERED", "CACHED", "SENT", "LOAD", "P50", "P95", "P99", "COST")
    parts = (
        _head(first, paint),
        table(head, [_compared(name, each) for name, each in reports.items()]),
        chart((calls, *failures), first.duration_s, ramp_for(sys.stdout), paint),
    )
    return "\n\n".join(parts)


def _compared(name: str, report: Report) -> Sequence[str]:
    latency = report.latency
    times = ("-", "-", "-") if latency is None else map(seconds, (latency.p50_s, latency.p95_s, latency.p99_s))
    return (
        name,
        f"{report.answered:,}{_share(report)}",
        f"{report.from_cache:,}",
        f"{report.attempts:,}",
        "-" if report.amplification is None else f"x{report.amplification:.2f}",
        *times,
        _money(report.cost),
    )


def report_text(report: Report) -> str:
    """The report for people; in colour if standard output is a terminal."""
    paint = paint_for(sys.stdout)
    rows = tuple(_rows(report))
    parts = (
        _head(report, paint),
        escape_control_chars("\n".join(f"{name:9} {said}" for name, said in _figures(report))),
        table(("MODEL", "CALLS", "SENT", "LOAD", "FAILED", "SKIPPED", "P50", "P95", "COST"), _models(report)),
        chart(rows, report.duration_s, ramp_for(sys.stdout), paint),
        escape_control_chars("\n".join(_remarks(report))),
    )
    return "\n\n".join(part for part in parts if part)


def _head(report: Report, paint: Paint) -> str:
    facts = f"{span(report.duration_s)} of virtual time, {report.calls:,} calls, seed {report.seed}"
    return f"{paint(escape_control_chars(report.title), 'bold')}\n{facts}" if report.title else facts


def _figures(report: Report) -> Iterator[tuple[str, str]]:
    yield "answered", f"{report.answered:,} of {report.calls:,}{_share(report)}, {report.from_cache:,} from the cache"
    if report.failures:
        yield "failed", _counts(report.failures)
        yield "", f"after {_times(report.failed_after)}"
    load = "" if report.amplification is None else f" ({report.amplification:.2f} a call)"
    yield "sent", f"{report.attempts:,}{load}, {report.retries:,} retries, {report.fallbacks:,} fallbacks"
    queued = f"{span(report.queued_for_keys_s)} for keys, {span(report.queued_for_limits_s)} at our own limits"
    yield "waited", f"{span(report.paused_s)} before retries, {queued}"
    yield "latency", _times(report.latency)
    unpriced = f", and {report.unpriced:,} answers of unknown price" if report.unpriced else ""
    yield "cost", f"{_money(report.cost)}{unpriced}"


def _share(report: Report) -> str:
    """Rounded down: 99.99 % is not all."""
    return f" ({report.answered * 1000 // report.calls / 10:g} %)" if report.calls else ""


def _times(times: Quantiles | None) -> str:
    if times is None:
        return "-"
    p50, p95, p99, longest = map(seconds, (times.p50_s, times.p95_s, times.p99_s, times.longest_s))
    return f"p50 {p50}, p95 {p95}, p99 {p99}, longest {longest}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _money(cost: Cost) -> str:
    return dollars(None if isinstance(cost, UnknownCost) else cost.usd)


def _models(report: Report) -> Sequence[Sequence[str]]:
    return [
        (
            model.model,
            f"{model.tries:,}",
            f"{model.attempts:,}",
            "-" if model.amplification is None else f"x{model.amplification:.2f}",
            f"{sum(model.failures.values()):,}",
            f"{model.passed_over:,}",
            "-" if model.latency is None else seconds(model.latency.p50_s),
            "-" if model.latency is None else seconds(model.latency.p95_s),
            _money(model.cost) if model.answered else "-",
        )
        for model in report.models
    ]


def _rows(report: Report) -> Iterator[Row]:
    """Calls and attempts on one scale, so that models can be compared; what failed and what was open under each."""
    over_time = (report.calls_over_time, *(model.attempts_over_time for model in report.models))
    full = max(map(max, over_time)) or 1
    yield Row("calls", report.calls_over_time, full, f"peak {max(report.calls_over_time):,}")
    if report.failures:
        yield Row("  failed", report.failures_over_time, full, f"{sum(report.failures_over_time):,}", "red")
    for model in report.models:
        yield Row(model.model, model.attempts_over_time, full, f"peak {max(model.attempts_over_time):,}", "green")
        if model.failures:
            yield Row("  failed", model.failures_over_time, full, f"{sum(model.failures_over_time):,}", "red")
        openings = [each for each in report.openings if each.model == model.model]
        if openings:
            parts = _open_parts(openings, report)
            yield Row("  breaker open", parts, 1.0, f"{sum(parts) / len(parts):.0%}", "yellow")


def _open_parts(openings: Sequence[Opening], report: Report) -> tuple[float, ...]:
    """Which part of each slot a breaker was open."""
    slot_s = report.duration_s / SLOTS

    def part(slot: int) -> float:
        begins_s, ends_s = slot * slot_s, (slot + 1) * slot_s
        open_s = sum(max(min(_until_s(each, report), ends_s) - max(each.at_s, begins_s), 0.0) for each in openings)
        return open_s / slot_s

    return tuple(part(slot) for slot in range(SLOTS))


def _until_s(opening: Opening, report: Report) -> float:
    return report.ended_s if opening.until_s is None else opening.until_s


def _remarks(report: Report) -> Iterator[str]:
    yield from _some([f"{count:,} calls failed: {cause}" for cause, count in report.causes.items()])
    for model in report.models:
        if model.failures:
            yield f"{model.model} failed: {_counts(model.failures)}"
    yield from _some([_opening(each) for each in report.openings])
    guessed = ", ".join(model.model for model in report.models if not model.described)
    if guessed:
        yield f"not in the scenario, so taken to be well and as fast as the catalog guesses: {guessed}"


def _some(lines: Sequence[str]) -> Iterator[str]:
    yield from lines[:MOST_LINES]
    if len(lines) > MOST_LINES:
        yield f"and {len(lines) - MOST_LINES} more: --json has them all"


def _opening(opening: Opening) -> str:
    until = "to the end" if opening.until_s is None else f"to {span(opening.until_s)}"
    probes = f", failed probes: {opening.failed_probes}" if opening.failed_probes else ""
    return f"{opening.model} breaker open from {span(opening.at_s)} {until}{probes}"
