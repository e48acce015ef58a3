"""Reviews of configuration: nothing leaves the machine, and what a model made up is told apart."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from returns.result import Failure, Success

from config_review import LOCAL, ConfigFile, Finding, Review, local_config, main, review
from llm_manager import (
    AuthenticationFailed,
    InvalidRequest,
    ModelSettings,
    Problem,
    config_from_env,
    custom,
    provide,
    to_json,
)
from llm_manager.testing import Simulator, scripted
from llm_manager.testing.simulator import Say, Status

FILE = ConfigFile("app.env", "DEBUG=true\n")
FOUND = Review((Finding("DEBUG=true", "medium", "Errors show insides.", "DEBUG=false"),))
HOSTED = {LOCAL: ModelSettings(provider="openai", model="gpt-6.1-terra")}


@pytest.mark.anyio
async def test_a_scripted_model_reviews_a_file() -> None:
    assert await provide(review(FILE), scripted({LOCAL: [to_json(FOUND)]})) == Success(FOUND)


@pytest.mark.anyio
async def test_a_failure_of_the_model_comes_back() -> None:
    refused = AuthenticationFailed(LOCAL)
    assert await provide(review(FILE), scripted({LOCAL: [refused]})) == Failure(refused)


def test_nothing_is_sent_where_the_model_is_a_hosted_one(vendor: Simulator) -> None:
    config = replace(config_from_env(os.environ).unwrap(), models=HOSTED)
    outcome = anyio.run(provide(review(FILE), custom(config)))
    said = "gpt-6.1-terra is at openai, which is no local engine"
    assert outcome == Failure(InvalidRequest((Problem("preferences.model", said),)))
    assert vendor.received == []


@pytest.mark.anyio
async def test_nothing_is_sent_to_an_engine_on_another_machine() -> None:
    url = "https://gpu.example.com:11434"
    outcome = await provide(review(FILE), custom(local_config("ollama", "llama3.2", url)))
    said = f"{url} is not on this machine"
    assert outcome == Failure(InvalidRequest((Problem("http.base_urls", said),)))


def test_an_engine_on_this_machine_reviews_a_file(
    vendor: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "app.env"
    file.write_text(FILE.text, encoding="utf-8")
    made_up = Finding("TELNET=on", "high", "Anybody may listen.", "TELNET=off")
    vendor.script("llama3.2", [Say(to_json(Review((*FOUND.findings, made_up))))])
    assert main([str(file), "--model", "llama3.2", "--url", vendor.url]) == 0
    assert capsys.readouterr().out == (
        "app.env:\n"
        "  high: TELNET=on (NOT IN THE FILE: do not trust this one)\n"
        "    Anybody may listen. Instead: TELNET=off\n"
        "  medium: DEBUG=true\n"
        "    Errors show insides. Instead: DEBUG=false\n"
    )
    assert vendor.received[0].path == "/api/chat"


def test_a_file_that_was_not_reviewed_is_told_and_the_exit_code_says_so(
    vendor: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "app.env"
    file.write_text(FILE.text, encoding="utf-8")
    vendor.script("llama3.2", [Status(404)])
    assert main([str(file), "--model", "llama3.2", "--url", vendor.url]) == 1
    assert capsys.readouterr().out.startswith("NOT REVIEWED: app.env: ")


def test_llama_cpp_reviews_a_file_in_this_process(
    gguf_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model's weights are random: its answer has the right form, or is cut off, and is told either way."""
    file = tmp_path / "app.env"
    file.write_text(FILE.text, encoding="utf-8")
    code = main([str(file), "--engine", "llama_cpp", "--model", str(gguf_file)])
    assert capsys.readouterr().out.startswith(("app.env:", "NOT REVIEWED: app.env:")[code])
