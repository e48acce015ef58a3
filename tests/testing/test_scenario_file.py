"""A scenario file says what it means, or everything that is wrong with it at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from returns.result import Failure, Success

from llm_manager import ConfigurationError, Problem
from llm_manager.testing.simulation import (
    Behaviour,
    Broken,
    Burst,
    Errors,
    Hang,
    Outage,
    RateLimit,
    Scenario,
    Slow,
    Steady,
    Traffic,
    parse_scenario,
    read_scenario,
    scenario_problems,
)


def problems_of(tree: dict[str, object]) -> list[str]:
    return [str(problem) for problem in parse_scenario(tree).failure().problems]


def test_an_empty_file_is_a_calm_day_with_a_call_a_minute() -> None:
    assert parse_scenario({}).unwrap() == Scenario(duration_s=86_400.0, traffic=(Traffic(arrive=Steady(1 / 60)),))


def test_everything_that_can_be_said_is_understood() -> None:
    tree = {
        "title": "All of it",
        "seed": 5,
        "duration": "1h30m",
        "traffic": [
            {"rate": "30/min", "at": "10s", "lasts": "250ms", "task": "analysis", "model": "gpt", "priority": "high"},
            {
                "calls": 3,
                "at": "1h",
                "lasts": "0s",
                "prompt_tokens": [10, 20],
                "answer_tokens": 7,
                "max_tokens": 9,
                "questions": 2,
                "streaming": True,
                "deadline": "5s",
            },
        ],
        "models": {
            "claude": {
                "latency": "1s",
                "latency_p95": "2s",
                "tokens_per_second": 50,
                "faults": [
                    {"kind": "outage", "at": "1m", "lasts": "1m"},
                    {"kind": "hang", "at": "2m", "lasts": "1m"},
                    {"kind": "rate_limit", "part": 0.5, "retry_after": "20s"},
                    {"kind": "errors", "part": 0.1, "status": 500},
                    {"kind": "broken", "part": 0.1},
                    {"kind": "slow", "factor": 3},
                ],
            }
        },
    }
    faults = (
        Outage(at_s=60.0, lasts_s=60.0),
        Hang(at_s=120.0, lasts_s=60.0),
        RateLimit(part=0.5, retry_after_s=20.0),
        Errors(part=0.1, status=500),
        Broken(part=0.1),
        Slow(factor=3.0),
    )
    behaviour = Behaviour(latency_s=1.0, latency_p95_s=2.0, tokens_per_second=50.0, faults=faults)
    steady = Traffic(arrive=Steady(0.5), at_s=10.0, lasts_s=0.25, task="analysis", model="gpt", priority="high")
    burst = Traffic(
        arrive=Burst(3),
        at_s=3600.0,
        lasts_s=0.0,
        prompt_tokens=(10, 20),
        answer_tokens=(7, 7),
        max_tokens=9,
        questions=2,
        streaming=True,
        deadline_s=5.0,
    )
    assert parse_scenario(tree) == Success(
        Scenario(title="All of it", seed=5, duration_s=5400.0, traffic=(steady, burst), models={"claude": behaviour})
    )


def test_every_problem_is_named_at_once_with_its_path() -> None:
    tree: dict[str, object] = {
        "duration": "a day",
        "sead": 3,
        "traffic": [{"rate": "often"}, {"rate": "1/s", "calls": 4}, {}],
        "models": {
            "gpt": {
                "latency": 3,
                "faults": [
                    {"kind": "flood"},
                    {"kind": "outage", "status": 503, "retry_after": "3s", "factor": 2},
                ],
            }
        },
    }
    assert problems_of(tree) == [
        "sead: is unknown: did you mean seed?",
        "models.gpt.latency: input should be a valid string, not 3",
        "models.gpt.faults.0.kind: input should be 'outage', 'hang', 'rate_limit', 'errors', 'broken' or 'slow', "
        'not "flood"',
        'duration: write a time with its unit, as in "90s", "1h30m" or "250ms"',
        'traffic.0.rate: write a rate with its unit, as in "2/s", "30/min" or "500/h"',
        'traffic.1: needs one of rate, as in "2/min", and calls, as in 50',
        'traffic.2: needs one of rate, as in "2/min", and calls, as in 50',
    ]


def test_a_field_of_another_kind_of_fault_is_a_problem() -> None:
    fault = {"kind": "outage", "status": 503, "retry_after": "3s", "factor": 2}
    assert problems_of({"models": {"gpt": {"faults": [fault]}}}) == [
        "models.gpt.faults.0.status: belongs to errors and says nothing about outage",
        "models.gpt.faults.0.retry_after: belongs to rate_limit and says nothing about outage",
        "models.gpt.faults.0.factor: belongs to slow and says nothing about outage",
    ]


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({"duration": "0s"}, "duration: must be more than nothing"),
        ({"traffic": []}, "traffic: is empty: nobody would call"),
        ({"traffic": [{"rate": "-1/s"}]}, "traffic.0.rate: write a rate"),
        ({"traffic": [{"rate": "0/s"}]}, "traffic.0.rate: must be more than nothing"),
        ({"traffic": [{"calls": -5}]}, "traffic.0.calls: is -5: give a number above 0"),
        ({"traffic": [{"rate": "50/s"}]}, "traffic: is 4,320,000 calls, more than 1,000,000"),
        ({"traffic": [{"calls": 1, "at": "25h"}]}, "traffic.0.at: is 90000 s, outside of the scenario's 86400 s"),
        ({"traffic": [{"rate": "1/h", "lasts": "0s"}]}, "traffic.0.lasts: must be more than nothing"),
        ({"traffic": [{"rate": "1/h", "at": "23h", "lasts": "2h"}]}, "traffic.0.lasts: reaches 3600 s beyond"),
        ({"traffic": [{"calls": 1, "prompt_tokens": [9, 3]}]}, "traffic.0.prompt_tokens: is 9 to 3"),
        ({"traffic": [{"calls": 1, "answer_tokens": 0}]}, "traffic.0.answer_tokens: is 0 to 0"),
        ({"traffic": [{"calls": 1, "max_tokens": 0}]}, "traffic.0.max_tokens: is 0"),
        ({"traffic": [{"calls": 1, "questions": -1}]}, "traffic.0.questions: is -1"),
        ({"traffic": [{"calls": 1, "deadline": "0s"}]}, "traffic.0.deadline: must be more"),
        ({"models": {"gpt": {"latency": "0s"}}}, "models.gpt.latency: must be more"),
        ({"models": {"gpt": {"latency": "2s", "latency_p95": "1s"}}}, "models.gpt.latency_p95: must not be less"),
        ({"models": {"gpt": {"latency_p95": "1s"}}}, "models.gpt.latency_p95: must not be less"),
        ({"models": {"gpt": {"tokens_per_second": -1}}}, "models.gpt.tokens_per_second: is -1"),
        ({"models": {"gpt": {"faults": [{"kind": "broken", "part": 1.5}]}}}, "models.gpt.faults.0.part: is 1.5"),
        ({"models": {"gpt": {"faults": [{"kind": "errors", "status": 404}]}}}, "models.gpt.faults.0.status: is 404"),
        ({"models": {"gpt": {"faults": [{"kind": "errors", "status": 0}]}}}, "models.gpt.faults.0.status: is 0"),
        ({"models": {"gpt": {"faults": [{"kind": "slow", "factor": 0}]}}}, "models.gpt.faults.0.factor: is 0"),
        ({"models": {"gpt": {"faults": [{"kind": "slow", "factor": 0.5}]}}}, "models.gpt.faults.0.factor: is 0.5"),
        ({"models": {"gpt": {"faults": [{"kind": "hang", "at": "30h"}]}}}, "models.gpt.faults.0.at: is 108000 s"),
    ],
)
def test_what_makes_no_sense_is_refused(tree: dict[str, object], said: str) -> None:
    (problem,) = problems_of(tree)
    assert problem.startswith(said)


@pytest.mark.parametrize(
    "faults",
    [
        [{"kind": "errors", "part": 0.1, "lasts": "2h"}, {"kind": "errors", "part": 0.2, "at": "1h"}],
        [{"kind": "outage", "at": "1h", "lasts": "2h"}, {"kind": "hang", "at": "2h", "lasts": "2h"}],
    ],
)
def test_faults_of_which_one_would_hide_the_other_may_not_overlap(faults: list[dict[str, object]]) -> None:
    assert problems_of({"models": {"gpt": {"faults": faults}}}) == [
        "models.gpt.faults.1: overlaps models.gpt.faults.0, and no call could meet both: move or merge them"
    ]


def test_faults_that_can_be_met_side_by_side_may_overlap() -> None:
    faults: list[dict[str, object]] = [
        {"kind": "errors", "part": 0.01},
        {"kind": "outage", "at": "1h", "lasts": "1h"},
        {"kind": "hang", "at": "2h", "lasts": "1h"},
        {"kind": "slow"},
    ]
    assert isinstance(parse_scenario({"models": {"gpt": {"faults": faults}}}), Success)


def test_a_record_is_checked_as_a_file_is() -> None:
    endless = Traffic(arrive=Steady(float("inf")), prompt_tokens=(0, 1))
    wait = RateLimit(retry_after_s=-1.0)
    scenario = Scenario(duration_s=60.0, traffic=(endless,), models={"gpt": Behaviour(faults=(wait,))})
    assert [problem.path for problem in scenario_problems(scenario)] == [
        "traffic.0.rate",
        "traffic.0.prompt_tokens",
        "traffic",
        "models.gpt.faults.0.retry_after",
    ]


def test_a_problem_names_its_file(tmp_path: Path) -> None:
    file = tmp_path / "day.toml"
    file.write_text('duration = "soon"', encoding="utf-8")
    (problem,) = read_scenario(str(file)).failure().problems
    assert problem.source == str(file)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no such file"),
        (b"duration = ", "is not TOML: "),
        (b"\xff\xfe", "is not TOML: it is not UTF-8 text"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "day.toml"
    if content is not None:
        file.write_bytes(content)
    match read_scenario(str(file)):
        case Failure(ConfigurationError(problems=(Problem(path="scenario", message=message, source=source),))):
            assert message.startswith(said)
            assert source == str(file)
        case other:
            pytest.fail(f"unexpected: {other}")


def test_a_directory_is_no_scenario(tmp_path: Path) -> None:
    (problem,) = read_scenario(str(tmp_path)).failure().problems
    assert problem.message.startswith("cannot be read: ")
