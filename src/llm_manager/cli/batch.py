"""``batch``: a file of requests to a file of answers, which a second run goes on with."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import anyio
from returns.result import Failure, Success

from llm_manager import (
    Context,
    JournalLayer,
    LLMError,
    LLMResponse,
    Outcome,
    StoreUnavailable,
    UnknownCost,
    batch_at_vendor,
    effect,
    journal_file,
    live,
    provide,
    to_json,
)
from llm_manager import batch as batch_stream
from llm_manager.cli.batch_lines import BatchLines
from llm_manager.cli.batch_output import OrderedLines, beside
from llm_manager.cli.batch_watch import BatchWatch
from llm_manager.cli.json_schema import read_schema
from llm_manager.cli.progress import Progress
from llm_manager.cli.show import FAILED, INTERRUPTED, dollars, failed, misused, print_line, seconds
from llm_manager.effect.stream import Stream
from llm_manager.policies.parcels import NOTES
from llm_manager.ports import Journal, Work

if TYPE_CHECKING:
    from pydantic import TypeAdapter


def command(arguments: argparse.Namespace) -> int:
    """Answer every line of IN in OUT; what is answered is kept in a journal, so that the same command again goes on.

    OUT is there once every request has been asked, in the order of IN. The exit code is 1 when some failed.
    """
    inside, outside = Path(arguments.requests), Path(arguments.answers)
    journal = Path(arguments.journal or f"{outside}.journal")
    wrong = _misuse(inside, outside, journal, arguments)
    if wrong is not None:
        return misused(wrong)
    schema: TypeAdapter[Any] | None = None
    if arguments.schema is not None:
        read = read_schema(arguments.schema)
        if isinstance(read, Failure):
            return misused(read.failure())
        schema = read.unwrap()
    lines = BatchLines(inside, _defaults(arguments))
    try:
        checked = lines.check()
        if isinstance(checked, Failure):
            return failed(checked.failure(), as_json=arguments.json)
        model = arguments.model if arguments.at_vendor else None
        others = sorted(str(each) for each in lines.models - {model})
        if model is not None and others:
            return misused(f"--at-vendor asks one model, {model}, and some lines want {others[0]}")
        output = OrderedLines(outside, checked.unwrap())
        job = _Job(lines, output, checked.unwrap(), arguments.concurrency, model, cancel=arguments.cancel)
    except OSError as bad:
        return misused(f"{bad.filename}: {bad.strerror}")
    return _performed(job, journal, schema, outside, arguments)


def _misuse(inside: Path, outside: Path, journal: Path, arguments: argparse.Namespace) -> str | None:
    if arguments.concurrency < 1:
        return "--concurrency is how many requests are under way at once: at least 1"
    if arguments.at_vendor and arguments.model is None:
        return "--at-vendor hands everything in to one model: name it with --model"
    if arguments.cancel and not arguments.at_vendor:
        return "--cancel is about the vendor's batches: it goes with --at-vendor"
    if outside.is_dir():
        return f"{outside}: Is a directory"
    files = (inside, outside, journal, *beside(outside))
    if len({each.resolve() for each in files}) < len(files):
        return "the requests, the answers and the journal are three files, and OUT.part and OUT.sorted are two more"
    if inside.exists() and not (inside.is_file() or inside.is_dir()):
        return f"{inside}: is read twice, and must be a file"
    if outside.exists() and not journal.exists() and not arguments.overwrite:
        return f"{outside}: exists, and not from a batch that can be gone on with: --overwrite replaces it"
    return None


def _defaults(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the options say for every line that does not say it itself."""
    names = ("model", "max_tokens", "temperature", "unsupported")
    wish = {name: getattr(arguments, name) for name in names}
    fields = {"task_type": arguments.task, "system_prompt": arguments.system}
    said = {name: value for name, value in fields.items() if value is not None}
    wished = {name: value for name, value in wish.items() if value is not None}
    return {**said, **({"preferences": wished} if wished else {})}


@dataclass(frozen=True, slots=True)
class _Tally:
    """What became of a batch: *kept* is how many answers an earlier run had, *failed* counts by error, *usd* is what
    this run paid that is known."""

    requests: int
    answered: int
    kept: int
    failed: Mapping[str, int]
    usd: float | None
    unpriced: int
    seconds: float


def _performed(
    job: _Job, journal: Path, schema: TypeAdapter[Any] | None, outside: Path, arguments: argparse.Namespace
) -> int:
    layer = job.counting(journal_file(journal))

    async def running(context: Context) -> Outcome[_Tally, LLMError]:
        return await job.run(context, layer, schema)

    with job.output:
        try:
            outcome = anyio.run(provide(effect(running), live()))
        except KeyboardInterrupt:
            job.progress.clear()
            said = f"interrupted: {job.answered:,} of {job.total:,} are answered and kept in {journal}"
            print_line(f"llm-manager: {said}; the same command again goes on", sys.stderr)
            return INTERRUPTED
    job.progress.clear()
    if isinstance(outcome, Failure):
        return failed(outcome.failure(), as_json=arguments.json)
    tally = outcome.unwrap()
    if arguments.json:
        print_line(to_json(tally))
    else:
        print_line(_told(tally, outside, journal), sys.stderr)
    return FAILED if tally.failed else 0


def _told(tally: _Tally, outside: Path, journal: Path) -> str:
    kept = f" ({tally.kept:,} of them before)" if tally.kept else ""
    kinds = ", ".join(f"{count:,} {tag}" for tag, count in tally.failed.items())
    failures = f", {sum(tally.failed.values()):,} failed ({kinds})" if tally.failed else ""
    money = dollars(tally.usd) + (f" and {tally.unpriced:,} answers of unknown price" if tally.unpriced else "")
    again = f"; the same command again asks for the failed ones only ({journal})" if tally.failed else ""
    asked = tally.requests - tally.kept
    spent = f", {money}, {seconds(tally.seconds)}" if asked else ""
    return f"{tally.answered:,} of {tally.requests:,} answered{kept}{failures}{spent}: {outside}{again}"


@final
class _Job:
    """One run of a batch."""

    def __init__(
        self,
        lines: BatchLines,
        output: OrderedLines,
        total: int,
        concurrency: int,
        vendors_model: str | None,
        *,
        cancel: bool,
    ) -> None:
        self._lines = lines
        self._concurrency = concurrency
        self._vendors_model = vendors_model
        self._cancel = cancel
        self.output = output
        self.total = total
        self.progress = Progress(total)
        self.answered = self.kept = 0
        self.failed: Counter[str] = Counter()

    def counting(self, journal: JournalLayer) -> JournalLayer:
        """*journal*, which tells this job of every answer that it has had before."""

        def note() -> None:
            self.kept += 1

        def counted(opened: Journal) -> Journal:
            return _Counting(opened, note)

        return journal | counted

    async def run(
        self, context: Context, journal: JournalLayer, schema: TypeAdapter[Any] | None
    ) -> Outcome[_Tally, LLMError]:
        """Ask for everything and write it down.

        Fails when the journal breaks or an answer cannot be written, and when the requests are changed meanwhile.
        """
        context = replace(context, observer=BatchWatch(self.progress, lambda: self.kept, context.observer))
        async with self._stream(journal, schema).opened(context) as outcomes:
            async for index, outcome in outcomes:
                if isinstance(outcome, Failure) and isinstance(broken := outcome.failure(), StoreUnavailable):
                    return Failure(broken)
                put = self._put(index, outcome, schema)
                if isinstance(put, Failure):
                    return put
                failures = self.failed.total()
                self.progress.show(self.answered + failures, self.kept, failures, lambda: _spent(context))
        if outcomes.failure is not None:
            return outcomes.failure
        if self._lines.changed is not None:
            return Failure(self._lines.changed)
        finished = self.output.finish()
        return finished if isinstance(finished, Failure) else Success(self._tally(context))

    def _tally(self, context: Context) -> _Tally:
        totals = context.metrics.snapshot().totals
        return _Tally(
            requests=self.total,
            answered=self.answered,
            kept=self.kept,
            failed=dict(self.failed.most_common()),
            usd=None if isinstance(totals.cost, UnknownCost) else totals.cost.usd,
            unpriced=totals.unpriced,
            seconds=self.progress.elapsed_s,
        )

    def _stream(
        self, journal: JournalLayer, schema: TypeAdapter[Any] | None
    ) -> Stream[tuple[int, Outcome[Any, LLMError]], LLMError, Context]:
        lines, model, at_once, cancel = self._lines, self._vendors_model, self._concurrency, self._cancel
        if model is not None and schema is not None:
            return batch_at_vendor(lines, model=model, schema=schema, journal=journal, cancel=cancel)
        if model is not None:
            return batch_at_vendor(lines, model=model, journal=journal, cancel=cancel)
        if schema is not None:
            return batch_stream(lines, concurrency=at_once, journal=journal, schema=schema)
        return batch_stream(lines, concurrency=at_once, journal=journal)

    def _put(
        self, index: int, outcome: Outcome[Any, LLMError], schema: TypeAdapter[Any] | None
    ) -> Outcome[None, StoreUnavailable]:
        if isinstance(outcome, Failure):
            self.failed[outcome.failure().tag] += 1
        else:
            self.answered += 1
        id_ = self._lines.ids[index]
        head = f'"line":{self._lines.numbers[index]}' + ("" if id_ is None else f',"id":{json.dumps(id_)}')
        return self.output.put(index, f"{{{head},{_body(outcome, schema)}}}")


def _body(outcome: Outcome[Any, LLMError], schema: TypeAdapter[Any] | None) -> str:
    if isinstance(outcome, Failure):
        return f'"error":{to_json(outcome.failure())}'
    value = outcome.unwrap()
    if isinstance(value, LLMResponse):
        return f'"response":{to_json(value)}'
    return f'"value":{json.dumps(value) if schema is None else schema.dump_json(value).decode()}'


def _spent(context: Context) -> str:
    cost = context.metrics.snapshot().totals.cost
    return dollars(None if isinstance(cost, UnknownCost) else cost.usd)


@final
class _Counting:
    """A journal that tells when it has had an answer before."""

    def __init__(self, journal: Journal, note: Callable[[], None]) -> None:
        self._journal = journal
        self._note = note

    async def claim(self, key: str, /) -> Outcome[Work, StoreUnavailable]:
        """As the journal does."""
        claimed = await self._journal.claim(key)
        is_answer = not key.startswith(NOTES)
        if is_answer and isinstance(claimed, Success) and claimed.unwrap().text is not None:
            self._note()
        return claimed

    async def keep(self, work: Work, text: str, /) -> Outcome[None, StoreUnavailable]:
        """As the journal does."""
        return await self._journal.keep(work, text)
