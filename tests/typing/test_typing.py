"""What type checkers infer of a user's pipeline, and what they refuse."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import assert_type

import pytest
from returns.result import Failure, Success

from llm_manager import (
    BudgetExceeded,
    Context,
    LLMError,
    LLMRequest,
    LLMResponse,
    LLMStream,
    Op,
    Outcome,
    ReasoningDelta,
    RoutePlan,
    SchemaStream,
    StreamFailed,
    StreamFinished,
    StreamResumed,
    TextDelta,
    ToolCallDelta,
    collect,
    fallback,
    flat_map,
    gather,
    generate,
    generate_stream,
    live,
    map_,
    pipe,
    plan,
    provide,
    query_multiple,
    query_with_schema,
    race,
    recover,
    recurs,
    retry,
    run,
    select_model,
    stream_with_schema,
    succeed,
    through,
    timeout,
)

HERE = Path(__file__).parent
ASK = LLMRequest(prompt="x")


class Mood:
    """A type of the user's own."""


def _length(response: LLMResponse) -> int:
    return len(response.content)


def _summary(response: LLMResponse) -> Op[LLMResponse]:
    return generate(LLMRequest(prompt=f"Sum up: {response.content}"))


def inferred() -> None:
    """Checked by mypy and pyright, never run."""
    assert_type(generate(ASK), Op[LLMResponse])
    assert_type(plan(ASK), Op[RoutePlan])
    assert_type(query_with_schema(ASK, Mood), Op[Mood])
    assert_type(query_with_schema(ASK, list[int]), Op[list[int]])
    assert_type(query_multiple(ASK, ["a"]), Op[tuple[Outcome[LLMResponse, LLMError], ...]])
    assert_type(race(ASK, ["a"]), Op[LLMResponse])
    assert_type(race(select_model(ASK), select_model(ASK)), Op[str])
    assert_type(through(generate(ASK), timeout(5), retry(recurs(2))), Op[LLMResponse])
    assert_type(fallback(generate(ASK))(generate(ASK)), Op[LLMResponse])
    assert_type(map_(generate(ASK), _length), Op[int])
    assert_type(flat_map(generate(ASK), _summary), Op[LLMResponse])
    assert_type(gather([generate(ASK)]), Op[tuple[LLMResponse, ...]])
    assert_type(pipe(generate(ASK), timeout(5), retry(recurs(2))), Op[LLMResponse])


def handled() -> Op[str]:
    """A handler that needs nothing handles an operation that needs a context."""
    return recover(BudgetExceeded, lambda _: succeed("no more today"))(select_model(ASK))


async def matched() -> str:
    """An outcome is a closed union: both checkers see that the match is complete."""
    match await provide(generate(ASK), live()):
        case Success(response):
            return response.content
        case Failure(error):
            return error.message


async def streams_keep_their_types(context: Context) -> str:
    """A stream of a schema is a stream of its type, and the match over events is complete without a default."""
    assert_type(generate_stream(ASK), Op[LLMStream])
    assert_type(stream_with_schema(ASK, int), Op[SchemaStream[int]])
    numbers = (await run(stream_with_schema(ASK, int), context)).unwrap()
    assert_type(await collect(numbers), Outcome[int, LLMError])
    stream = (await run(through(generate_stream(ASK), timeout(5)), context)).unwrap()
    assert_type(await collect(stream), Outcome[LLMResponse, LLMError])
    async for event in stream:
        match event:
            case TextDelta(text) | ReasoningDelta(text):
                return text
            case ToolCallDelta(arguments=arguments):
                return arguments
            case StreamResumed(model):
                return model
            case StreamFinished(response):
                return response.content
            case StreamFailed(_, partial):
                return partial
    return ""


def _refused(command: list[str], file: Path) -> set[int]:
    """The numbers of the lines in which the checker finds an error."""
    run = [sys.executable, "-m", *command, str(file)]
    done = subprocess.run(run, capture_output=True, text=True, check=False)  # noqa: S603
    return {int(number) for number in re.findall(r"\.py:(\d+):(?:\d+)? ?-? ?error", done.stdout)}


def _marked(file: Path) -> set[int]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return {number for number, line in enumerate(lines, 1) if line.endswith("# refused")}


@pytest.mark.parametrize("file", sorted((HERE / "must_fail").glob("*.py")), ids=lambda file: str(file.stem))
def test_what_is_wrong_is_refused_by_mypy(file: Path) -> None:
    assert _refused(["mypy", "--strict"], file) == _marked(file)


@pytest.mark.parametrize("file", sorted((HERE / "must_fail").glob("*.py")), ids=lambda file: str(file.stem))
def test_what_is_wrong_is_refused_by_pyright(file: Path, tmp_path: Path) -> None:
    """From a copy, because the configuration keeps these files out of the check of everything else."""
    copy = shutil.copy(file, tmp_path)
    assert _refused(["pyright", "--pythonpath", sys.executable], Path(copy)) == _marked(file)
