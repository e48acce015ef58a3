"""Documents to rows: nothing is paid twice, nothing is lost, and what does not add up is told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from returns.result import Failure, Success

from extract_documents import (
    PRICED,
    Extracted,
    Invoice,
    Item,
    NoInvoice,
    Options,
    Summary,
    Unread,
    extract,
    main,
    row,
    rows,
)
from llm_manager import (
    AuthenticationFailed,
    BudgetExceeded,
    Context,
    journal_file,
    memory_journal,
    provide,
    run,
    to_json,
)
from llm_manager.testing import ScriptedProvider, Simulator, scripted
from llm_manager.testing.simulator import Say, Status

SOUP = Invoice(
    number="1",
    seller="Soup & Co",
    issued=date(2026, 11, 3),
    currency="EUR",
    items=(Item(description="soup", amount=4.5),),
    total=4.5,
)
LETTER = NoInvoice(what_it_is="a letter")
REFUSED = AuthenticationFailed("claude")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text(f"this is {name}", encoding="utf-8")
    return folder


def options(folder: Path, budget_usd: float | None = None) -> Options:
    out = folder.parent / "rows.jsonl"
    return Options(folder=folder, out=out, at_once=1, budget_usd=budget_usd, demo=False)


def paths(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(folder.iterdir()))


def asked(context: Context) -> int:
    provider = context.providers["custom"]
    assert isinstance(provider, ScriptedProvider)
    return len(provider.received)


def test_a_total_that_is_not_the_sum_is_a_doubt() -> None:
    dear = replace(SOUP, total=45.0)
    doubt = "the items come to 4.50, the total says 45.00"
    assert row("a.txt", Success(dear)) == Extracted(file="a.txt", found=dear, doubts=(doubt,))


@pytest.mark.anyio
async def test_every_document_becomes_a_row(folder: Path) -> None:
    found = rows(paths(folder), at_once=1, journal=memory_journal({}))
    async with scripted({"claude": [to_json(SOUP), REFUSED]}) as context:
        assert await run(found.collect(), context) == Success(
            (Extracted(file="a.txt", found=SOUP), Unread(file="b.txt", error=REFUSED))
        )


@pytest.mark.anyio
async def test_a_second_run_asks_for_nothing_but_what_is_missing(folder: Path) -> None:
    async with scripted({"claude": [to_json(LETTER), REFUSED, to_json(SOUP)]}) as context:
        first = await run(extract(paths(folder), StringIO(), options(folder)), context)
        assert first == Success(Summary(read=1, unread=1, first_error=REFUSED))
        out = StringIO()
        assert await run(extract(paths(folder), out, options(folder)), context) == Success(Summary(read=2))
        assert asked(context) == 3
        assert [json.loads(line)["file"] for line in out.getvalue().splitlines()] == ["a.txt", "b.txt"]


@pytest.mark.anyio
async def test_a_run_stops_asking_when_its_budget_is_used_up(folder: Path) -> None:
    async with scripted({"claude": [to_json(SOUP)] * 2}, config=PRICED) as context:
        outcome = await run(extract(paths(folder), StringIO(), options(folder, budget_usd=0.001)), context)
        summary = outcome.unwrap()
        assert (summary.read, summary.unread, asked(context)) == (0, 2, 0)
        assert isinstance(summary.first_error, BudgetExceeded)


@pytest.mark.anyio
async def test_a_journal_that_somebody_else_has_open_is_told(folder: Path) -> None:
    mine = options(folder)
    async with scripted({"claude": [to_json(SOUP)]}) as context:
        held = rows(paths(folder), at_once=1, journal=journal_file(mine.journal))
        async with held.opened(context) as reading:
            await anext(reading)
            outcome = await provide(extract(paths(folder), StringIO(), mine), scripted({"claude": []}))
            assert isinstance(outcome, Failure)


def test_a_folder_is_read_by_a_vendor_and_read_on_by_the_same_command(
    vendor: Simulator, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder.parent / "rows.jsonl"
    command = [str(folder), "--out", str(out), "--at-once", "1"]
    vendor.script("gpt-6.1-terra", [Say(f'{{"value": {to_json(SOUP)}}}'), Status(401)])
    assert main(command) == 1
    assert "1 read, 0 of them doubtful, 1 NOT READ, the first because" in capsys.readouterr().out
    vendor.script("gpt-6.1-terra", [Say(to_json(LETTER))])
    assert main(command) == 0
    assert capsys.readouterr().out == f"{out}: 2 read, 0 of them doubtful\n"
    assert len(vendor.received) == 3
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [line["found"].get("seller") for line in lines] == ["Soup & Co", None]


def test_rows_are_not_begun_where_they_cannot_be_written(
    vendor: Simulator, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(folder), "--out", str(folder / "no" / "rows.jsonl")]) == 1
    assert capsys.readouterr().err.endswith("No such file or directory\n")
    assert vendor.received == []
