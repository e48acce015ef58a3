"""Counts that outlive their process: summed over processes, and never in the way of a call."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import anyio
import pytest
from anyio import to_thread
from returns.result import Failure, Success

from llm_manager import (
    CacheSettings,
    ConfigurationError,
    ConversationSettings,
    LLMConfig,
    LLMRequest,
    ManagerStatus,
    MetricsSnapshot,
    ObserveSettings,
    Problem,
    Secret,
    StoreUnavailable,
    custom,
    generate,
    get_metrics,
    get_status,
    provide,
    replacing,
    reset_metrics,
    run,
    sqlite_url,
)
from llm_manager.adapters.conversations.services import database_at
from llm_manager.adapters.conversations.sql import Database
from llm_manager.adapters.observers.kept import KeptMetrics, News
from llm_manager.adapters.observers.metrics import LONGEST_NAME, MOST_MODELS, MemoryMetrics
from llm_manager.domain.status import OTHER_MODELS
from llm_manager.testing import scripted
from postgres_server import PostgresServer
from tests.observing.counts import Fickle, attempt

pytestmark = pytest.mark.anyio

NEVER_S = 3600.0
SOON_S = 0.001
DATABASE = "conversations.url (DATABASE_URL)"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "kept.db").reveal()
    return cast("PostgresServer", request.getfixturevalue("postgres")).url


def database(url: str) -> Database:
    return database_at(ConversationSettings(url=Secret(url), timeout_s=30)).unwrap()


def snapshot_of(models: Sequence[str]) -> MetricsSnapshot:
    """What one process would have counted alone."""
    metrics = MemoryMetrics()
    for model in models:
        metrics.notify(attempt(model))
    return metrics.snapshot()


async def total(url: str) -> MetricsSnapshot:
    """What a process that has counted nothing finds."""
    reader = KeptMetrics(database(url), NEVER_S, print).open()
    found = (await reader.total()).unwrap()
    await reader.aclose()
    return found


async def test_what_one_process_counted_is_there_for_the_next(url: str) -> None:
    first = KeptMetrics(database(url), NEVER_S, print).open()
    first.notify(attempt("m"))
    await first.aclose()
    second = KeptMetrics(database(url), NEVER_S, print).open()
    second.notify(attempt("m"))
    second.notify(attempt("n"))
    assert await second.total() == Success(snapshot_of("mmn"))
    await second.aclose()
    assert await total(url) == snapshot_of("mmn")


def counting(url: str, requests: int, ends: str) -> subprocess.Popen[str]:
    program = [sys.executable, "-m", "tests.observing.counting", url, str(requests), ends]
    return subprocess.Popen(program, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours


async def test_several_processes_add_up_and_a_killed_one_loses_no_more_than_its_interval(url: str) -> None:
    alone = MemoryMetrics()
    for number in [*range(50)] * 4:
        alone.notify(attempt(f"m{number % 3}", float(number + 1)))
    processes = [counting(url, 50, ends) for ends in ("closed", "closed", "closed", "killed")]
    killed = processes.pop()
    assert killed.stdout is not None
    assert await to_thread.run_sync(killed.stdout.readline) == "added\n"
    killed.kill()
    await to_thread.run_sync(killed.communicate)
    assert [await to_thread.run_sync(each.wait) for each in processes] == [0, 0, 0]
    for each in processes:
        each.communicate()
    assert await total(url) == alone.snapshot()


async def test_counts_are_added_at_every_interval(url: str) -> None:
    fickle = Fickle(database(url))
    kept = KeptMetrics(fickle, SOON_S, print).open()
    kept.notify(attempt("m"))
    await to_thread.run_sync(fickle.used.wait)
    assert await total(url) == snapshot_of("m")
    await kept.aclose()


async def test_a_database_that_is_away_loses_nothing_and_is_told_once(url: str) -> None:
    news: list[News] = []
    fickle = Fickle(database(url))
    fickle.is_away = True
    kept = KeptMetrics(fickle, SOON_S, news.append).open()
    for _ in range(3):
        kept.notify(attempt("m"))
        fickle.refused.clear()
        await to_thread.run_sync(fickle.refused.wait)
    assert await kept.total() == Failure(StoreUnavailable(fickle.store, "it is away"))
    fickle.is_away = False
    kept.notify(attempt("n"))
    await to_thread.run_sync(fickle.used.wait)
    await kept.aclose()
    assert news == [StoreUnavailable(fickle.store, "it is away"), None]
    assert await total(url) == snapshot_of("mmmn")


async def test_what_was_stored_although_nobody_heard_so_is_counted_once(url: str) -> None:
    fickle = Fickle(database(url))
    kept = KeptMetrics(fickle, NEVER_S, print).open()
    kept.notify(attempt("m"))
    fickle.is_silent = True
    assert isinstance(await kept.total(), Failure)
    kept.notify(attempt("n"))
    assert await kept.total() == Success(snapshot_of("mn"))
    await kept.aclose()
    assert await total(url) == snapshot_of("mn")


async def test_events_do_not_wait_for_a_database_that_hangs(url: str) -> None:
    fickle = Fickle(database(url))
    fickle.goes_on.clear()
    kept = KeptMetrics(fickle, SOON_S, print).open()
    for _ in range(500):
        kept.notify(attempt("m"))
    with anyio.move_on_after(0.05) as given_up:
        await kept.aclose()
    assert given_up.cancelled_caught
    fickle.goes_on.set()
    await kept.aclose()
    assert (await total(url)).models["m"].requests == 500


async def test_two_readers_of_an_empty_database_make_its_tables_once(url: str) -> None:
    both = [KeptMetrics(database(url), NEVER_S, print).open() for _ in range(2)]
    async with anyio.create_task_group() as group:
        for each in both:
            group.start_soon(each.total)
    for each in both:
        assert await each.total() == Success(MetricsSnapshot())
        await each.aclose()


async def test_names_that_no_database_takes_are_kept_and_long_or_many_ones_together(url: str) -> None:
    odd = ["nul\x00", "half \ud83d", "'; DROP TABLE llm_manager_metric; --", "", "é"]
    kept = KeptMetrics(database(url), NEVER_S, print).open()
    for model in (*odd, "x" * (LONGEST_NAME + 1)):
        kept.notify(attempt(model))
    assert set((await total_after(kept)).models) == {*odd, OTHER_MODELS}
    await kept.aclose()
    for start in (0, 200):
        kept = KeptMetrics(database(url), NEVER_S, print).open()
        for number in range(start, start + 200):
            kept.notify(attempt(f"m{number}"))
        await kept.aclose()
    models = (await total(url)).models
    assert len(models) <= MOST_MODELS + 1
    assert sum(each.requests for each in models.values()) == len(odd) + 1 + 400


async def total_after(kept: KeptMetrics) -> MetricsSnapshot:
    return (await kept.total()).unwrap()


async def test_more_numbers_than_fit_a_statement_are_added_like_a_few(url: str) -> None:
    alone = MemoryMetrics()
    for _ in range(2):
        kept = KeptMetrics(database(url), NEVER_S, print).open()
        for number in range(260):
            event = attempt(f"m{number % 4}", 1.0 + number)
            kept.notify(event)
            alone.notify(event)
        await kept.aclose()
    assert await total(url) == alone.snapshot()


async def test_a_postgres_that_restarts_goes_on_being_added_to(postgres: PostgresServer) -> None:
    kept = KeptMetrics(database(postgres.url), NEVER_S, print).open()
    kept.notify(attempt("m"))
    assert await kept.total() == Success(snapshot_of("m"))
    postgres.stop()
    kept.notify(attempt("m"))
    assert isinstance(await kept.total(), Failure)
    postgres.start()
    assert await kept.total() == Success(snapshot_of("mm"))
    await kept.aclose()


def config(url: str | None) -> LLMConfig:
    return LLMConfig(
        cache=CacheSettings(enabled=False),
        conversations=ConversationSettings(url=None if url is None else Secret(url)),
        observe=ObserveSettings(keep_metrics=True, keep_interval_s=NEVER_S),
    )


async def asked_once(url: str) -> ManagerStatus:
    """The status of a process that has asked a model once."""
    models = scripted({"gpt": ["yes"]}, config=config(url))
    async with custom(config(url)) as services, models as context:
        counted = replacing(metrics_store=services.metrics_store, observer=services.observer)(context)
        await run(generate(LLMRequest(prompt="hi")), counted)
        return (await run(get_status(), counted)).unwrap()


async def test_the_status_shows_all_processes_and_a_reset_is_of_one_or_of_all(url: str) -> None:
    """Two layers on one database are two processes to it."""
    await asked_once(url)
    status = await asked_once(url)
    assert status.stored is not None
    assert (status.metrics.totals.requests, status.stored.totals.requests) == (1, 2)

    async with custom(config(url)) as services:
        assert (await run(get_metrics(), services)).unwrap() == MetricsSnapshot()
        await run(reset_metrics(), services)
        assert (await run(get_metrics(all_processes=True), services)).unwrap() == status.stored
        await run(reset_metrics(all_processes=True), services)
        assert (await run(get_metrics(all_processes=True), services)).unwrap() == MetricsSnapshot()


async def test_without_a_database_one_process_is_all() -> None:
    async with scripted({"gpt": ["yes"]}) as context:
        await run(generate(LLMRequest(prompt="hi")), context)
        alone = (await run(get_metrics(), context)).unwrap()
        assert await run(get_metrics(all_processes=True), context) == Success(alone)
        assert (await run(get_status(), context)).unwrap().stored is None
        await run(reset_metrics(all_processes=True), context)
        assert await run(get_metrics(), context) == Success(MetricsSnapshot())


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (None, f"needs a database: set {DATABASE}, too"),
        ("redis://127.0.0.1:9", f"{DATABASE} names a Redis: sums are kept in SQLite or PostgreSQL"),
    ],
)
async def test_counts_that_cannot_be_kept_are_told_when_the_layer_is_built(url: str | None, said: str) -> None:
    outcome = await provide(get_metrics(), custom(config(url)))
    assert outcome == Failure(ConfigurationError((Problem("observe.keep_metrics", said),)))


async def test_a_database_that_is_away_fails_no_call(tmp_path: Path) -> None:
    (tmp_path / "kept.db").write_text("another program's file, and no database of ours at all")
    away = config(sqlite_url(tmp_path / "kept.db").reveal())
    models = scripted({"gpt": ["yes"] * 3})
    async with custom(away) as services, models as context:
        counted = replacing(metrics_store=services.metrics_store, observer=services.observer)(context)
        outcomes = [await run(generate(LLMRequest(prompt=f"{number}")), counted) for number in range(3)]
        status = (await run(get_status(), counted)).unwrap()
        failed = await run(get_metrics(all_processes=True), counted)
    assert [each.unwrap().content for each in outcomes] == ["yes"] * 3
    assert status.stored is None
    assert isinstance(failed.failure(), StoreUnavailable)
