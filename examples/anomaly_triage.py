"""Which of these logs needs somebody now? Log files in, anomalies out: typed, and the worst first.

    python examples/anomaly_triage.py --demo                                # no account: the models read a script
    python examples/anomaly_triage.py /var/log/shop/*.log --budget-usd 0.50 # OPENAI_API_KEY, OLLAMA_HOST, ...

The idea: ``triage`` is a value that says what is to be done, and its type says that it cannot fail: a log that could
not be looked at is a part of the report, and not the end of it. Where the models come from is decided in ``main``,
once; the demo is the same program with another layer.

The exit code is 0 when every log was looked at, 1 when one was not, 2 when the arguments or settings are wrong, and 130
when it was stopped.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Never

import anyio
from returns.result import Failure, Success

from llm_manager import (
    Context,
    Effect,
    Layer,
    LLMError,
    LLMRequest,
    Op,
    Outcome,
    Preferences,
    deadline,
    describe,
    live,
    map_,
    provide,
    settle,
    through,
    to_json,
    within_budget,
)
from llm_manager.templates import (
    ANOMALY_ANALYSIS,
    AnomalyAnalysis,
    AnomalyInput,
    DetectedAnomaly,
    Evidence,
    RecommendedAction,
    query_template,
)
from llm_manager.testing import scripted

DATA = Path(__file__).parent / "data" / "logs"
WORST_FIRST = ("critical", "high", "medium", "low")


@dataclass(frozen=True, slots=True)
class Log:
    """The end of a log file."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A log that shows one, and what was found in it."""

    log: str
    analysis: AnomalyAnalysis


@dataclass(frozen=True, slots=True, kw_only=True)
class Triage:
    """What became of all logs: each is in exactly one of the three."""

    anomalies: tuple[Anomaly, ...]
    quiet: tuple[str, ...]
    unread: tuple[tuple[str, LLMError], ...]


BRIEF = replace(ANOMALY_ANALYSIS, preferences=Preferences(max_tokens=4_000))
"""The template with a bound on its answers: what a budget sets aside for a try is the longest answer it may get."""


def triage(logs: Sequence[Log], *, at_once: int = 4) -> Effect[Triage, Never, Context]:
    """Look at all *logs*, *at_once* at a time."""
    return map_(
        settle([analysis(log) for log in logs], at_once), lambda found: sorted_out(zip(logs, found, strict=True))
    )


def analysis(log: Log) -> Op[AnomalyAnalysis]:
    """Look at one log, for a minute and a half at most: retries, fallbacks and questions asked again included."""
    return through(query_template(BRIEF, AnomalyInput(data=log.text, system=log.name)), deadline(90))


def sorted_out(looked_at: Iterable[tuple[Log, Outcome[AnomalyAnalysis, LLMError]]]) -> Triage:
    """The report: anomalies by severity, then by how sure the model is."""
    anomalies: list[Anomaly] = []
    quiet: list[str] = []
    unread: list[tuple[str, LLMError]] = []
    for log, outcome in looked_at:
        match outcome:
            case Success(found) if found.is_anomaly:
                anomalies.append(Anomaly(log.name, found))
            case Success(_):
                quiet.append(log.name)
            case Failure(error):
                unread.append((log.name, error))
    return Triage(anomalies=tuple(sorted(anomalies, key=_urgency)), quiet=tuple(quiet), unread=tuple(unread))


def _urgency(anomaly: Anomaly) -> tuple[int, float]:
    return WORST_FIRST.index(anomaly.analysis.severity), -anomaly.analysis.confidence


def report(found: Triage) -> str:
    """The report for people.

    >>> report(Triage(anomalies=(), quiet=("mailer.log", "queue.log"), unread=()))
    'quiet: mailer.log, queue.log'
    """
    lines = [line for anomaly in found.anomalies for line in _lines(anomaly)]
    if found.quiet:
        lines.append(f"quiet: {', '.join(found.quiet)}")
    lines.extend(f"NOT LOOKED AT: {name}: {describe(error)}" for name, error in found.unread)
    return "\n".join(lines)


def _lines(anomaly: Anomaly) -> Iterable[str]:
    found = anomaly.analysis
    yield f"{found.severity.upper()} {anomaly.log} ({found.confidence:.0%} sure): {found.summary}"
    yield from (f"    {each.severity}: {each.service or 'unknown'}: {each.description}" for each in found.anomalies)
    yield from (f"    saw: {each.observation}" for each in found.evidence)
    yield from (f"    {each.urgency}: {each.action}" for each in found.recommended_actions)


def read_logs(paths: Sequence[Path], last_lines: int) -> Sequence[Log]:
    """The ends of the files; raises OSError for one that cannot be read."""
    texts = (path.read_text(encoding="utf-8", errors="replace").splitlines()[-last_lines:] for path in paths)
    return [Log(path.name, "\n".join(lines)) for path, lines in zip(paths, texts, strict=True)]


def main(argv: Sequence[str] | None = None) -> int:
    """The edge: arguments in, the report and an exit code out."""
    options = _parser().parse_args(argv)
    paths: list[Path] = options.logs or (sorted(DATA.glob("*.log")) if options.demo else [])
    try:
        logs = read_logs(paths, options.last_lines)
    except OSError as bad:
        return _wrong(f"{bad.filename}: {bad.strerror}")
    if not logs:
        return _wrong("give log files to look at, or --demo")
    work: Op[Triage] = triage(logs)
    if options.budget_usd is not None:
        work = within_budget(options.budget_usd)(work)
    layer: Layer[Context, LLMError, None] = demo() if options.demo else live()
    try:
        outcome = anyio.run(provide(work, layer))
    except KeyboardInterrupt:
        return 130  # as a shell says it: 128 and SIGINT
    match outcome:
        case Success(found):
            print(to_json(found) if options.json else report(found))
            return 1 if found.unread else 0
        case Failure(error):
            return _wrong(describe(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Which of these logs needs somebody now?")
    parser.add_argument("logs", nargs="*", type=Path, metavar="LOG", help="log files")
    parser.add_argument("--last-lines", type=int, default=500, metavar="N", help="how much of each is read (500)")
    parser.add_argument("--budget-usd", type=float, metavar="USD", help="the most that all of it may cost")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--demo", action="store_true", help="models that read a script, on logs of ours")
    return parser


def _wrong(said: str) -> int:
    print(f"anomaly_triage: {said}", file=sys.stderr)
    return 2


def demo() -> Layer[Context, LLMError, None]:
    """The layer in which nobody is asked: the answers are below."""
    return scripted({"claude": [_scripted_answer] * 100})


def _scripted_answer(request: LLMRequest) -> str:
    if "payments" in request.prompt:
        return to_json(_OUTAGE)
    return to_json(_DISK if "disk usage" in request.prompt else _NOTHING)


_NOTHING = AnomalyAnalysis(
    evidence=(Evidence(observation="bounces of 1 and 2 in 120", significance="within what is usual"),),
    missing_information=("yesterday's figures",),
    anomalies=(),
    is_anomaly=False,
    severity="low",
    confidence=0.8,
    root_cause=None,
    affected_components=(),
    recommended_actions=(),
    summary="Nothing is out of order.",
)
_DISK = AnomalyAnalysis(
    evidence=(Evidence(observation="disk usage 91% at 12:02, 92% at 12:04", significance="full within half an hour"),),
    missing_information=("the size of the disk",),
    anomalies=(
        DetectedAnomaly(
            service="db",
            description="the disk is 92% full, one more percent every two minutes",
            severity="high",
            recommendation="Find out what grows in /var/lib/db.",
        ),
    ),
    is_anomaly=True,
    severity="high",
    confidence=0.7,
    root_cause=None,
    affected_components=("db",),
    recommended_actions=(RecommendedAction(action="Find out what grows in /var/lib/db.", urgency="today"),),
    summary="The disk of the database fills up.",
)
_OUTAGE = AnomalyAnalysis(
    evidence=(
        Evidence(observation="orders fell from 44 to 0 in three minutes", significance="nobody can buy"),
        Evidence(observation="12:02 upstream=payments connection pool exhausted", significance="it began there"),
    ),
    missing_information=(),
    anomalies=(
        DetectedAnomaly(
            service="checkout",
            description="no orders since 12:03",
            severity="critical",
            recommendation="Look at the health of payments.",
        ),
    ),
    is_anomaly=True,
    severity="critical",
    confidence=0.95,
    root_cause="The pool of connections to payments is used up.",
    affected_components=("checkout", "payments"),
    recommended_actions=(RecommendedAction(action="Look at the health of payments.", urgency="now"),),
    summary="Checkout has come to a stand because payments does not answer.",
)


if __name__ == "__main__":
    sys.exit(main())
