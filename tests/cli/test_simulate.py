"""``llm-manager simulate`` as a person or a script meets it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from llm_manager import from_json
from llm_manager.cli.chart import bar, paint_for, ramp_for, span
from llm_manager.cli.main import main
from llm_manager.testing.simulation import Report, read_scenario
from tests.scenarios_page import NAMES

Capture = pytest.CaptureFixture[str]

ROOT = Path(__file__).parents[2]

SCENARIOS = ROOT / "examples" / "scenarios"
EXAMPLES = [SCENARIOS / "a_day_with_an_outage.toml", SCENARIOS / "rush_hour.toml"]

TEN_MINUTES = """
title = "Ten minutes without Claude"
seed = 1
duration = "1h"

[[traffic]]
rate = "1/min"
task = "analysis"

[models.claude]
latency = "1s"
latency_p95 = "1s"

[[models.claude.faults]]
kind = "outage"
at = "20m"
lasts = "10m"

[models.gpt]
latency = "2s"
latency_p95 = "2s"
"""

AS_TEXT = """\
Ten minutes without Claude
1h of virtual time, 54 calls, seed 1

answered  54 of 54 (100 %), 0 from the cache
sent      65 (1.20 a call), 10 retries, 10 fallbacks
waited    8s before retries, 0s for keys, 0s at our own limits
latency   p50 1.0 s, p95 2.8 s, p99 5.9 s, longest 5.9 s
cost      $0.1470

MODEL              CALLS  SENT  LOAD   FAILED  SKIPPED  P50    P95    COST
-----------------  -----  ----  -----  ------  -------  -----  -----  -------
claude-sonnet-5-5  52     55    x1.06  11      9        1.0 s  1.0 s  $0.1320
gpt-6.1-terra      10     10    x1.00  0       0        2.0 s  2.0 s  $0.0150

                   0s          15m         30m         45m         1h
calls              ▃ ▁▁▁ ▃▁▁▄▁▁▄▁▃ ▄▁▃  ▁ ▄▄  ▃▁▁  ▁▁▃ ▃▁▁▃ ▁ ▁▄ ▁▁  peak 3
claude-sonnet-5-5  ▃ ▁▁▁ ▃▁▁▄▁▁▄▁▃ █▁▃  ▁ ▁▄  ▃▁▁  ▁▁▃ ▃▁▁▃ ▁ ▁▄ ▁▁  peak 6
  failed                           █▁▃  ▁ ▁                          11
  breaker open                     ▃███████▆                         17%
gpt-6.1-terra                      ▄▁▃  ▁ ▄                          peak 3

claude-sonnet-5-5 failed: NetworkError 11
claude-sonnet-5-5 breaker open from 20m47s to 30m57s, failed probes: 6
"""


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.endswith(("_API_KEY", "_API_KEYS", "_URL", "_KEY")) or name.startswith(
            ("LLM_", "LLAMA_", "OLLAMA_", "PORTKEY_")
        ):
            monkeypatch.delenv(name)


@pytest.fixture
def scenario(tmp_path: Path) -> str:
    file = tmp_path / "ten_minutes.toml"
    file.write_text(TEN_MINUTES, encoding="utf-8")
    return str(file)


def test_the_report_is_the_same_text_every_time(scenario: str, capsys: Capture) -> None:
    for _ in range(2):
        assert main(["simulate", scenario]) == 0
        assert capsys.readouterr() == (AS_TEXT, "")


def test_as_json_it_is_one_document(scenario: str, capsys: Capture) -> None:
    assert main(["simulate", scenario, "--json"]) == 0
    report = from_json(Report, capsys.readouterr().out).unwrap()
    assert (report.title, report.calls, report.answered) == ("Ten minutes without Claude", 54, 54)


def test_another_seed_is_another_day(scenario: str, capsys: Capture) -> None:
    assert main(["simulate", scenario, "--seed", "2"]) == 0
    out = capsys.readouterr().out
    assert "seed 2" in out
    assert out != AS_TEXT


def test_the_trace_tells_everything_in_order(scenario: str, capsys: Capture, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    assert main(["simulate", scenario, "--trace", str(trace)]) == 0
    assert capsys.readouterr().out == AS_TEXT
    lines = [json.loads(line) for line in trace.read_text(encoding="utf-8").splitlines()]
    assert [line["at_s"] for line in lines] == sorted(line["at_s"] for line in lines)
    assert sum(line["event"] == "AttemptFinished" for line in lines) == 65
    assert [(line["before"], line["after"]) for line in lines if line["event"] == "BreakerMoved"] == [
        ("closed", "open"),
        *[("half-open", "open")] * 6,
        ("half-open", "closed"),
    ]


def test_other_settings_have_another_outcome(scenario: str, capsys: Capture, tmp_path: Path) -> None:
    config = tmp_path / "llm.toml"
    config.write_text("[circuit_breaker]\nenabled = false\n\n[retry]\nmax_retries = 0\n", encoding="utf-8")
    assert main(["simulate", scenario, "--config", str(config)]) == 0
    out = capsys.readouterr().out
    assert "54 of 54" in out
    assert ", 0 retries, 10 fallbacks" in out
    assert "breaker" not in out


COMPARED = """\
Ten minutes without Claude
1h of virtual time, 54 calls, seed 1

CONFIG        ANSWERED     CACHED  SENT  LOAD   P50    P95    P99    COST
------------  -----------  ------  ----  -----  -----  -----  -----  -------
patient.toml  54 (100 %)   0       65    x1.20  1.0 s  2.8 s  5.9 s  $0.1470
alone.toml    44 (81.4 %)  0       56    x1.10  1.0 s  1.0 s  1.0 s  $0.1320

                     0s          15m         30m         45m         1h
calls                ▅ ▃▃▃ ▅▃▃█▃▃█▃▅ █▃▅  ▃ ██  ▅▃▃  ▃▃▅ ▅▃▃▅ ▃ ▃█ ▃▃  peak 3
patient.toml failed                                                    0
alone.toml failed                    █▃▅  ▃ █                          10
"""


def test_several_configurations_are_compared(
    scenario: str, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "patient.toml").write_text("", encoding="utf-8")
    (tmp_path / "alone.toml").write_text('[routing.chains]\nanalysis = ["claude"]\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    both = ["simulate", scenario, "--config", "patient.toml", "--config", "alone.toml"]
    assert main(both) == 0
    assert capsys.readouterr() == (COMPARED, "")
    assert main([*both, "--json"]) == 0
    reports = from_json(dict[str, Report], capsys.readouterr().out).unwrap()
    assert [(name, report.answered) for name, report in reports.items()] == [("patient.toml", 54), ("alone.toml", 44)]
    assert main([*both, "--trace", "trace.jsonl"]) == 2
    assert capsys.readouterr().err == "llm-manager: --trace is for one --config: leave the others out\n"
    assert not (tmp_path / "trace.jsonl").exists()


def test_a_person_at_a_terminal_sees_colours_and_how_fast_it_was(
    scenario: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert main(["simulate", scenario]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("\033[1mTen minutes without Claude\033[0m\n")
    assert "\033[31m" in out
    assert err.endswith(" calls a second]\n")


@pytest.mark.parametrize("name", ["NO_COLOR", "TERM"])
def test_who_wants_no_colours_gets_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert paint_for(sys.stdout, {name: "dumb"})("text", "red") == "text"
    assert paint_for(sys.stdout, {})("text", "red") == "\033[31mtext\033[0m"
    assert paint_for(sys.stdout, {})("   ", "red") == "   "
    assert paint_for(sys.stdout, {})("text", "plain") == "text"


def test_a_terminal_without_blocks_gets_letters(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w", encoding="ascii") as stream:
        assert bar([0, 1, 4, 8], 8, ramp_for(stream)) == " .=@"
    with (tmp_path / "out").open("w", encoding="utf-8") as stream:
        assert bar([0, 1, 4, 8], 8, ramp_for(stream)) == " ▁▄█"


def test_times_are_written_as_scenarios_write_them() -> None:
    assert [span(each) for each in (0, 0.0123, 59.6, 3600, 93_784)] == ["0s", "12ms", "1m", "1h", "26h3m4s"]


def test_more_than_a_few_lines_of_one_kind_are_left_out(capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "flapping.toml"
    outages = "".join(
        f'[[models.gpt.faults]]\nkind = "outage"\nat = "{20 * nth}m"\nlasts = "8m"\n' for nth in range(1, 9)
    )
    file.write_text(f'duration = "4h"\n[[traffic]]\nrate = "2/min"\n{outages}', encoding="utf-8")
    assert main(["simulate", str(file)]) == 0
    out = capsys.readouterr().out
    assert out.count("gpt-6.1-terra breaker open from") == 6
    assert "and 2 more: --json has them all" in out
    assert "calls failed: gpt-6.1-terra CircuitOpen" in out


def test_what_is_guessed_or_unknown_is_said(capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    file = tmp_path / "some.toml"
    file.write_text('[[traffic]]\nrate = "1/h"\nmodel = "openai/new"\n[models."openai/new"]\n', "utf-8")
    assert main(["simulate", str(file)]) == 0
    out = capsys.readouterr().out
    assert "not in the scenario, so taken to be well and as fast as the catalog guesses: gpt-6.1-terra" in out
    assert "answers of unknown price" in out
    assert "canary" not in out


def test_nobody_who_calls_is_reported_without_a_quantile(capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "silence.toml"
    file.write_text('duration = "1s"\n[[traffic]]\nrate = "1/d"\n[models.gpt]\n', encoding="utf-8")
    assert main(["simulate", str(file)]) == 0
    assert "answered  0 of 0, 0 from the cache\nsent      0, 0 retries" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("duration = ", "scenario (FILE): is not TOML"),
        ('duration = "-3s"', "duration (FILE): write a time with its unit"),
        ("[models.clade]", "models.clade (scenario): unknown model 'clade'; did you mean claude"),
        ('[[traffic]]\ntask = "poetry"\nrate = "1/h"\n[models.gpt]', "traffic.0 (scenario): unknown task 'poetry'"),
        ("", "traffic.0 (scenario): no provider is configured"),
    ],
)
def test_a_wrong_scenario_is_one_line_and_exit_code_2(content: str, said: str, capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(content, encoding="utf-8")
    assert main(["simulate", str(file)]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"llm-manager: the configuration is wrong: {said.replace('FILE', str(file))}")
    assert main(["simulate", str(file), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["tag"] == "ConfigurationError"


def test_a_file_that_is_not_there_is_one_line_and_exit_code_2(scenario: str, capsys: Capture, tmp_path: Path) -> None:
    missing = str(tmp_path / "none" / "file")
    for argv, said in (
        ([missing], f"the configuration is wrong: scenario ({missing}): there is no such file"),
        ([scenario, "--config", missing], f"LLM_MANAGER_CONFIG ({missing}): there is no such file"),
        ([scenario, "--trace", missing], f"--trace {missing}: cannot be written: No such file or directory"),
    ):
        assert main(["simulate", *argv]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert said in err


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_played(example: Path, capsys: Capture) -> None:
    assert main(["simulate", str(example)]) == 0
    title = read_scenario(str(example)).unwrap().title
    assert capsys.readouterr().out.startswith(f"{title}\n")


def test_the_page_shows_what_is_printed(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs" / "reference" / "simulate.md").read_text(encoding="utf-8")
    command, _, shown = page.split("```console\n$ llm-manager ")[1].split("```")[0].partition("\n")
    assert main(command.split()) == 0
    assert capsys.readouterr().out == shown


def test_there_are_examples() -> None:
    """The others are played for ``docs/explanation/reliability.md``."""
    assert {path.stem for path in SCENARIOS.glob("*.toml")} == {*NAMES, *(path.stem for path in EXAMPLES)}
