"""Triage of logs: what could not be looked at is in the report, and the worst comes first."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from returns.result import Success

from anomaly_triage import Anomaly, Log, Triage, main, triage
from llm_manager import AuthenticationFailed, LLMRequest, provide, to_json
from llm_manager.templates import AnomalyAnalysis
from llm_manager.testing import Simulator, scripted
from llm_manager.testing.scripted import Line
from llm_manager.testing.simulator import Say, Status

CALM = AnomalyAnalysis(
    evidence=(),
    missing_information=(),
    anomalies=(),
    is_anomaly=False,
    severity="low",
    confidence=0.9,
    root_cause=None,
    affected_components=(),
    recommended_actions=(),
    summary="All is well.",
)
SLOW = replace(CALM, is_anomaly=True, severity="medium", summary="It is slow.")
DOWN = replace(SLOW, severity="critical", summary="It is down.")
REFUSED = AuthenticationFailed("claude")


def reply(request: LLMRequest) -> Line:
    lines: dict[str, Line] = {"slow": to_json(SLOW), "down": to_json(DOWN), "locked": REFUSED}
    return next((line for word, line in lines.items() if word in request.prompt), to_json(CALM))


@pytest.mark.anyio
async def test_the_worst_comes_first_and_a_failure_loses_no_other_log() -> None:
    logs = [Log("a.log", "slow"), Log("b.log", "locked"), Log("c.log", "fine"), Log("d.log", "down")]
    found = await provide(triage(logs, at_once=2), scripted({"claude": [reply] * 4}))
    assert found == Success(
        Triage(
            anomalies=(Anomaly("d.log", DOWN), Anomaly("a.log", SLOW)), quiet=("c.log",), unread=(("b.log", REFUSED),)
        )
    )


def test_the_demo_begins_with_the_outage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--demo"]) == 0
    first, *_ = capsys.readouterr().out.splitlines()
    assert first == ("CRITICAL checkout.log (95% sure): Checkout has come to a stand because payments does not answer.")


def test_a_vendor_is_sent_the_end_of_the_log(
    vendor: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "app.log"
    log.write_text("long ago\n" + "it is down\n" * 3, encoding="utf-8")
    vendor.script("gpt-6.1-terra", [Say(to_json(DOWN))])
    assert main([str(log), "--last-lines", "3", "--json", "--budget-usd", "1"]) == 0
    assert [each["log"] for each in json.loads(capsys.readouterr().out)["anomalies"]] == ["app.log"]
    assert b"it is down" in vendor.received[0].body
    assert b"long ago" not in vendor.received[0].body


def test_a_log_that_no_vendor_looked_at_is_told_and_the_exit_code_says_so(
    vendor: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "app.log"
    log.write_text("it is down", encoding="utf-8")
    vendor.script("gpt-6.1-terra", [Status(401)])
    assert main([str(log)]) == 1
    assert capsys.readouterr().out.startswith("NOT LOOKED AT: app.log: ")


def test_what_costs_too_much_is_not_sent(vendor: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "app.log"
    log.write_text("it is down", encoding="utf-8")
    assert main([str(log), "--budget-usd", "0.000001"]) == 1
    assert "NOT LOOKED AT: app.log: " in capsys.readouterr().out
    assert vendor.received == []
