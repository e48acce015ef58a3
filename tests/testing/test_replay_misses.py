"""What a program is told that does not do what was recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from returns.result import Success

from llm_manager import (
    CacheSettings,
    Context,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMResponse,
    Op,
    Outcome,
    effect,
    fallback,
    generate,
    generate_stream,
    get_model_health,
    race,
    replacing,
    run,
    settle,
    timeout,
)
from llm_manager.adapters.system import SystemClock
from llm_manager.testing import (
    Difference,
    LeftOver,
    NotRecorded,
    Pause,
    Pieces,
    ReplayDiffers,
    replay,
    scripted,
)
from llm_manager.testing.tape.lines import Line as TapeLine
from llm_manager.testing.tape.lines import Listed, Opened, Pulled, as_text
from llm_manager.testing.tape.script import read_script
from llm_manager.testing.tape.watched import Watched
from tests.testing.taping import BACKENDS, Program, ask, collected, heard, of, recorded, replayed

UNCACHED = LLMConfig(cache=CacheSettings(enabled=False))


def asking(*prompts: str) -> Program:
    async def program(context: Context) -> object:
        return tuple([await run(generate(ask(prompt)), context) for prompt in prompts])

    return program


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A recording of two questions."""
    path = tmp_path / "run.jsonl"
    lines = scripted({"gpt": ["It scatters.", "It sets."]}, config=UNCACHED)
    recorded(asking("Why is the sky blue?", "Why is the sunset red?"), lines, path)
    return path


def missed(op: Op[Any], path: Path, backend: str = "asyncio") -> NotRecorded:
    """What is raised where *op* asks for what was not recorded."""

    async def main() -> NotRecorded:
        async with replay(path) as context:
            with pytest.raises(NotRecorded) as raised:
                await run(op, context)
        return raised.value

    with pytest.warns(ReplayDiffers, match="asked for and not in it"):
        return anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_miss_shows_the_nearest_question_and_what_differs_field_by_field(path: Path, backend: str) -> None:
    other = LLMRequest(prompt="Why is the sky blue, then?", system_prompt="Be short.")
    miss = missed(generate(other), path, backend)
    assert miss.differences == (
        Difference("request.prompt", '"Why is the sky blue?"', '"Why is the sky blue, then?"'),
        Difference("request.system_prompt", None, '"Be short."'),
    )
    assert miss.nearest is not None
    assert (miss.nearest.exchange, miss.asked.request) == (1, {"prompt": other.prompt, "system_prompt": "Be short."})
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if '"Asked"' in text)
    assert str(miss) == (
        f"{path}: the call of gpt at custom was not recorded; the nearest is exchange 1 (line {line}), which differs in"
        '\n  request.prompt: recorded "Why is the sky blue?", asked "Why is the sky blue, then?"'
        '\n  request.system_prompt: recorded nothing, asked "Be short."'
    )


def test_a_long_text_is_shown_from_where_it_differs(path: Path) -> None:
    long = "It was the best of times. " * 20
    recorded(asking(f"{long}And blue. {long}"), scripted({"gpt": ["fine"]}), path)
    [difference] = missed(generate(ask(f"{long}And red. {long}")), path).differences
    assert str(difference) == (
        "request.prompt: recorded ... best of times. And blue. It was the best of times. It was t..., "
        "asked ... best of times. And red. It was the best of times. It was th..."
    )


def test_another_way_of_asking_is_a_difference_too(path: Path) -> None:
    miss = missed(generate_stream(ask("Why is the sunset red?")), path)
    assert [str(each) for each in miss.differences] == ['how: recorded "complete", asked "stream"']


def test_what_was_recorded_once_is_not_answered_twice(path: Path) -> None:
    first = ask("Why is the sky blue?")
    config_free = generate(LLMRequest(prompt=first.prompt))

    async def main() -> None:
        async with replay(path) as context:
            await run(generate(first), context)
            with pytest.raises(NotRecorded, match="was recorded 1 time, and is asked for once more") as raised:
                await run(config_free, context)
            assert raised.value.differences == ()

    with pytest.warns(ReplayDiffers):
        anyio.run(main)


def test_a_recording_in_which_nobody_was_asked_has_nothing_near(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    recorded(asking(), scripted({"gpt": []}), path)
    assert str(missed(generate(ask()), path)).endswith("was not recorded: no model was asked anything")
    assert "the list of models of gpt at custom" in str(missed(get_model_health(), path))


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_policy_makes_something_else_of_a_miss(path: Path, backend: str) -> None:
    unknown, known = generate(ask("What?")), generate(ask("Why is the sky blue?"))
    for op in (fallback(known)(unknown), race(unknown, known), settle([known, unknown])):
        assert missed(op, path, backend).asked.request == {"prompt": "What?"}


def left_over(program: Program, path: Path, *, patience_s: float = 0.0) -> LeftOver:
    async def main() -> None:
        async with replay(path, patience_s=patience_s) as context:
            await program(context)

    with pytest.warns(ReplayDiffers) as warned:
        anyio.run(main)
    [warning] = [each.message for each in warned if isinstance(each.message, ReplayDiffers)]
    return warning.left_over


def test_what_was_never_asked_for_is_told_at_the_end(path: Path) -> None:
    left = left_over(asking("Why is the sky blue?"), path)
    assert [asked.request for asked in left.exchanges] == [{"prompt": "Why is the sunset red?"}]
    assert (left.readings > 0, left.draws, left.waits, left.unrecorded, left.missed) == (True, 2, 2, 0, ())
    assert str(left) == (
        f"never asked for: the call of gpt at custom (exchange 2), {left.readings} readings, 2 draws, 2 waits"
    )


def test_a_strict_replay_fails_for_it(path: Path) -> None:
    with pytest.raises(ReplayDiffers, match=r"run.jsonl: never asked for: the call of gpt at custom \(exchange 2\)"):
        replayed(asking("Why is the sky blue?"), path)


def test_a_strict_replay_that_fails_for_another_reason_notes_it(path: Path) -> None:
    async def main() -> None:
        async with replay(path, strict=True):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as raised:
        anyio.run(main)
    assert "never asked for" in raised.value.__notes__[0]


def test_a_stream_that_is_not_read_as_far_as_then_leaves_pulls_over(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"

    def reading(pieces: int) -> Program:
        async def program(context: Context) -> object:
            async with (await run(generate_stream(ask()), context)).unwrap() as stream:
                return tuple([await anext(stream) for _ in range(pieces)])

        return program

    recorded(reading(3), scripted({"gpt": [Pieces(["a", "b", "c"])]}), path)
    assert left_over(reading(2), path).pulls == 1
    with pytest.raises(NotRecorded, match=r"the stream of gpt at custom goes on, and its recording ends here"):
        replayed(reading(4), path)


def test_past_its_end_a_recording_goes_on_in_virtual_time(path: Path) -> None:
    """Who looks at the clock once more is no other program; who asks a model is."""

    async def longer(context: Context) -> object:
        await asking("Why is the sky blue?", "Why is the sunset red?")(context)
        clock = context.clock
        started_s = clock.monotonic()
        await clock.sleep(3600)
        assert clock.monotonic() == started_s + 3600
        with clock.move_on_after(60) as scope:
            await clock.sleep(1e6)
        assert scope.cancelled_caught
        assert clock.monotonic() == started_s + 3660
        return context.random.random()

    left = left_over(longer, path)
    assert left == LeftOver(unrecorded=7)
    assert str(left) == "asked for and not in it: 7 readings, draws or waits"


def test_who_was_cancelled_then_and_is_not_now_is_told(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    long = scripted({"gpt": [Pause(0.25, "too late")]}) | replacing(clock=SystemClock())

    def bounded(within_s: float) -> Program:
        async def program(context: Context) -> object:
            with anyio.move_on_after(within_s):
                return await run(generate(ask()), context)
            return "cancelled by a timer that no recording knows of"

        return program

    then = recorded(bounded(0.0), long, path)
    assert replayed(bounded(0.0), path) == then
    with pytest.raises(NotRecorded, match="was cancelled in the recording"):
        ran_without_patience(bounded(60.0), path)


def ran_without_patience(program: Program, path: Path) -> object:
    async def main() -> object:
        async with replay(path, patience_s=0.0) as context:
            return await program(context)

    return anyio.run(main)


def test_a_sleep_that_was_cancelled_then_and_is_not_now_ends(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"

    def sleeping(within_s: float) -> Program:
        async def program(context: Context) -> object:
            with anyio.move_on_after(within_s):
                await context.clock.sleep(0.01)
                return "slept"
            return "cancelled"

        return program

    recorded(sleeping(0.0), scripted({}) | replacing(clock=SystemClock()), path)
    assert ran_without_patience(sleeping(60.0), path) == "slept"


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_limit_runs_out_even_if_nobody_waits_for_anything_recorded(backend: str, tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"

    async def waiting(_: Context) -> Outcome[None, LLMError]:
        await anyio.sleep_forever()
        return Success(None)

    bounded = timeout(0.01)(effect(waiting))
    then = recorded(of(bounded), scripted({}) | replacing(clock=SystemClock()), path, backend)

    async def main() -> tuple[str, list[str]]:
        return await heard(of(bounded), replay(path, strict=True, patience_s=0.0))

    assert anyio.run(main, backend=backend) == then


CALL, LIST = generate(ask("Why is the sky blue?")), get_model_health()


async def reading(context: Context) -> Outcome[LLMResponse, LLMError]:
    return await collected(context, ask("Why is the sky blue?"))


STREAM = effect(reading)


@pytest.mark.parametrize(
    ("op", "lines"),
    [
        (CALL, [Opened(exchange=1, at_s=0.0)]),
        (STREAM, [Listed(exchange=1, at_s=0.0, models=())]),
        (STREAM, [Opened(exchange=1, at_s=0.0), Opened(exchange=1, at_s=0.0)]),
        (LIST, [Pulled(exchange=1, at_s=0.0)]),
    ],
    ids=["a call", "a stream", "a pull", "a list"],
)
def test_an_answer_that_does_not_fit_its_question_is_none(op: Op[Any], lines: list[TapeLine], tmp_path: Path) -> None:
    """Somebody has edited the file."""
    path = tmp_path / "run.jsonl"
    recorded(of(op), scripted({"gpt": ["It scatters."]}), path)
    kept = [text for text in path.read_text().splitlines() if '"at_s"' not in text or '"Asked"' in text]
    path.write_text("\n".join([*kept, *map(as_text, lines), ""]))
    assert "its recording ends here (exchange 1): the run that was recorded was killed" in str(missed(op, path))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_cancellation_reaches_what_is_watched(backend: str) -> None:
    async def main() -> tuple[bool, bool]:
        watched = Watched(anyio.sleep_forever())
        with anyio.move_on_after(0) as scope:
            await watched
        return scope.cancelled_caught, watched.at_once

    assert anyio.run(main, backend=backend) == (True, False)


def test_a_question_too_deep_to_look_at_is_damage(path: Path) -> None:
    lines = path.read_text().splitlines()
    deepest = next(n for n, text in enumerate(lines) if '"Asked"' in text)
    for depth in range(700, 1000, 20):
        nested = f'{{"context": {"[" * depth}{"]" * depth}}}'
        lines[deepest] = lines[deepest].split('"request"')[0] + f'"request": {nested}}}'
        path.write_text("\n".join([*lines, ""]))
        read = read_script(path)
        assert isinstance(read, Success) or read.failure().line in {deepest + 1, len(lines)}
