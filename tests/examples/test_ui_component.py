"""A component while it comes: what is drawn, and what is written when it does not come to its end."""

from __future__ import annotations

from pathlib import Path

import pytest
from returns.result import Success

from llm_manager import LLMConfig, NetworkError, RoutingSettings, StreamBroken, provide, to_json
from llm_manager.templates import ComponentGeneration, ComponentInput
from llm_manager.testing import Pieces, Simulator, scripted
from llm_manager.testing.simulator import Fault, Say, Status
from tests.paid import unpaid
from ui_component import drawn, main

STAR = ComponentGeneration(
    assumptions=(),
    name="Star",
    description="A star.",
    framework="svelte",
    language="typescript",
    props=(),
    dependencies=(),
    code="<span>&#9733;</span>",
    styles="span { color: gold }",
    accessibility=(),
    usage_example="<Star />",
)
WANTED = ComponentInput(description="a star")


def pieces(text: str) -> list[str]:
    return [text[at : at + 24] for at in range(0, len(text), 24)]


@pytest.mark.anyio
async def test_the_pieces_that_are_drawn_are_the_code() -> None:
    screen: list[str] = []
    models = scripted({"gpt": [Pieces(pieces(to_json(STAR)))]})
    assert await provide(drawn(WANTED, screen.append), models) == Success(STAR)
    assert "".join(screen) == STAR.code
    assert len([piece for piece in screen if piece]) > 1


@pytest.mark.anyio
async def test_a_model_that_takes_over_is_drawn_from_its_start() -> None:
    screen: list[str] = []
    text = to_json(STAR)
    half = text[: text.index("9733")]
    models = scripted(
        {"gpt": [Pieces([half], NetworkError("gpt", cause="reset"))], "claude": [text.replace("<span>", "<b>")]},
        config=LLMConfig(routing=RoutingSettings(mid_stream="restart")),
    )
    outcome = await provide(drawn(WANTED, screen.append), models)
    assert outcome.unwrap().code == "<b>&#9733;</span>"
    assert "".join(screen) == "<span>&#\n\n--- from the start ---\n\n<b>&#9733;</span>"


@pytest.mark.anyio
async def test_a_stream_that_breaks_is_its_failure() -> None:
    broken = StreamBroken("gpt", to_json(STAR)[:40])
    models = scripted({"gpt": [Pieces([to_json(STAR)[:40]], broken)]})
    outcome = await provide(drawn(WANTED, lambda _: None), models)
    assert unpaid(outcome.failure()) == broken


def test_a_whole_component_is_written_with_its_style_sheet(
    vendor: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "Star.svelte"
    vendor.script("gpt-6.1-terra", [Say(to_json(STAR))])
    assert main(["a star", "--framework", "svelte", "--must", "shine", "--out", str(out)]) == 0
    assert out.read_text(encoding="utf-8") == STAR.code
    assert out.with_suffix(".css").read_text(encoding="utf-8") == STAR.styles
    assert capsys.readouterr().out.startswith(f"{STAR.code}\n\nStar: A star.\n")
    assert vendor.received[0].json["stream"] is True


def test_half_a_component_is_never_written(
    vendor: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "Star.svelte"
    vendor.script("gpt-6.1-terra", [Fault("stream_without_end")])
    assert main(["a star", "--out", str(out)]) == 1
    assert capsys.readouterr().err.startswith("ui_component: ")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_not_written_over_and_nobody_is_asked(
    vendor: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "Star.svelte"
    out.write_text("mine", encoding="utf-8")
    assert main(["a star", "--out", str(out)]) == 2
    assert capsys.readouterr().err == f"ui_component: {out} is there already, and is not written over\n"
    assert vendor.received == []


def test_a_folder_that_is_not_there_is_told_after_the_code_was_shown(
    vendor: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "nowhere" / "Star.svelte"
    vendor.script("gpt-6.1-terra", [Say(to_json(STAR))])
    assert main(["a star", "--out", str(out)]) == 1
    said = capsys.readouterr()
    assert STAR.code in said.out
    assert said.err == f"ui_component: {out}: No such file or directory\n"


def test_a_vendor_that_refuses_the_key_is_told_in_one_line(
    vendor: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    vendor.script("gpt-6.1-terra", [Status(401)])
    assert main(["a star"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
