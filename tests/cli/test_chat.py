"""A chat from a pipe, and what can be said to the chat itself."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from llm_manager.cli.chat.commands import COMMANDS
from llm_manager.cli.main import main
from llm_manager.testing.simulator import Say, Simulator, Status
from tests.cli.chatting import Capture, Talk
from tests.cli.chatting import simulator as simulator
from tests.cli.chatting import talk as talk


def piped(monkeypatch: pytest.MonkeyPatch, text: str, *argv: str) -> int:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    return main(["chat", *argv])


def test_a_pipe_is_one_turn_and_prints_the_answer_alone(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    simulator.script("gpt-6.1-terra", [Say("Two lines \x1b[1mread.")])
    assert piped(monkeypatch, "/first\nsecond\n") == 0
    assert capsys.readouterr() == ("Two lines \x1b[1mread.\n", "")
    assert simulator.received[0].json["messages"][-1]["content"] == "/first\nsecond\n"


def test_a_conversation_goes_on_from_pipe_to_pipe(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    assert piped(monkeypatch, "My name is Ada.", "trip", "--new", "--system", "Be brief.") == 0
    assert piped(monkeypatch, "Who am I?", "tri") == 0
    assert piped(monkeypatch, "Sure?", "--last", "--json") == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["conversation_id"], last["response"]["content"]) == ("trip", "You said: Sure?")
    said = [(each["role"], each["content"]) for each in simulator.received[-1].json["messages"]]
    assert said == [
        ("system", "Be brief."),
        ("user", "My name is Ada."),
        ("assistant", "You said: My name is Ada."),
        ("user", "Who am I?"),
        ("assistant", "You said: Who am I?"),
        ("user", "Sure?"),
    ]


def test_each_line_is_a_turn_when_asked_for_and_the_first_that_fails_is_the_last(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    simulator.script("gpt-4o", [Say("one"), Status(404)])
    assert piped(monkeypatch, "1\n\n2\n3\n", "--lines", "--json", "--model", "gpt-4o", "--task", "general") == 0
    first, second, third = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["response"]["content"] == "one"
    assert second["response"]["model"] == "gpt-6.1-terra"
    assert len({each["conversation_id"] for each in (first, second, third)}) == 1
    simulator.script("gpt-6.1-terra", [Say("one"), Status(401), Say("never")])
    assert piped(monkeypatch, "1\n2\n3\n", "--lines") == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("one\n", 1)


def test_what_is_stored_can_be_listed_shown_and_deleted(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path
) -> None:
    store = ("--store", str(tmp_path / "chats.db"))
    assert main(["chat", "--list", *store]) == 0
    assert capsys.readouterr() == ("", "there are no conversations yet\n")
    assert piped(monkeypatch, "Über die Hügel?", "trip", "--new", "--store", f"sqlite:///{tmp_path}/chats.db") == 0
    capsys.readouterr()
    assert main(["chat", "--list", *store]) == 0
    head, _, line = capsys.readouterr().out.splitlines()
    assert head.split() == ["ID", "CONTINUED", "MODEL", "VERSION", "COST", "TITLE"]
    assert line.startswith("trip  20")
    assert line.endswith("gpt-6.1-terra  2        $0.0001  Über die Hügel?")
    assert main(["chat", "--list", "--json", *store]) == 0
    assert json.loads(capsys.readouterr().out)[0]["metadata"] == {"title": "Über die Hügel?"}
    assert main(["chat", "--show", "tr", *store]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("# Über die Hügel?\n\n## user, 20")
    assert shown.endswith("\n\nYou said: Über die Hügel?\n")
    assert main(["chat", "--delete", "tr", *store]) == 1
    assert main(["chat", "--show", "trip", "--json", *store]) == 0
    assert main(["chat", "--delete", "trip", *store]) == 0
    capsys.readouterr()
    assert main(["chat", "--show", "trip", *store]) == 1
    assert capsys.readouterr().err == ("llm-manager: there is no conversation 'trip': list them to see which exist\n")


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["trip", "--last"], 2, "an ID goes alone or with --new"),
        (["trip"], 1, "there is no conversation 'trip'"),
        (["--model", "clod"], 2, "did you mean claude?"),
        (["--store", "mysql://x"], 2, "names no store that we know"),
        (["--store", "/proc/none/chats.db"], 1, "No such file or directory"),
    ],
)
def test_what_cannot_begin_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, argv: list[str], code: int, said: str
) -> None:
    assert piped(monkeypatch, "hi", *argv) == code
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert said in err


def test_a_new_conversation_takes_no_name_that_is_taken(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    assert piped(monkeypatch, "hi", "trip", "--new") == 0
    assert piped(monkeypatch, "hi", "trip", "--new") == 2
    assert "there is a conversation 'trip' already" in capsys.readouterr().err
    assert piped(monkeypatch, "hi", "two", "--new") == 0
    assert piped(monkeypatch, "hi", "t") == 1
    assert "2 begin like this, such as two and trip" in capsys.readouterr().err


def test_a_wrong_configuration_and_no_home_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/proc/none")
    assert piped(monkeypatch, "hi") == 2
    assert "cannot be made" in capsys.readouterr().err
    monkeypatch.setenv("LLM_MANAGER_CONFIG", str(tmp_path / "none.toml"))
    assert piped(monkeypatch, "hi") == 2
    assert "the configuration is wrong" in capsys.readouterr().err


def test_a_turn_that_fails_leaves_nothing_and_the_chat_goes_on(simulator: Simulator, talk: Talk) -> None:
    simulator.script("gpt-6.1-terra", [Status(400, None, "bad words"), Say("Hello.")])
    code, out, err = talk("hi", "/list", "hi", "/cost", "/quit", "never")
    assert (code, out) == (0, "Hello.\n")
    told = err.splitlines()
    assert told[0].startswith("a new conversation")
    assert told[1].startswith("the request is invalid (gpt-6.1-terra refused it): bad words")
    assert told[2] == "there are no conversations yet"
    assert [line.split()[:2] for line in told[-3:]] == [["this", "turn"], ["this", "conversation"], ["since", "you"]]
    assert len(simulator.received) == 2


def test_the_model_changes_in_the_middle(simulator: Simulator, talk: Talk) -> None:
    _, out, err = talk("hi", "/model", "/model gtp-4o", "/model claude", "/model gpt-4o", "and?", "/model")
    assert out == "You said: hi\nYou said: and?\n"
    assert [each.json["model"] for each in simulator.received] == ["gpt-6.1-terra", "gpt-4o"]
    for said in (
        "asking the chain of general; there are:\ngpt, chat-latest,",
        "did you mean gpt-4o",
        "no valid key for claude",
        "gpt-4o of openai answers from here on",
        "asking gpt-4o; there are:",
    ):
        assert said in err


def test_the_system_prompt_changes_for_the_turns_to_come(simulator: Simulator, talk: Talk) -> None:
    _, _, err = talk("/system", "/system Be brief.", "/system", "hi", "/system Be long.", "hi")
    assert "no system prompt of this chat" in err
    assert "\nBe brief.\n" in err
    assert "stays stored" in err
    assert [each.json["messages"][0]["content"] for each in simulator.received] == ["Be brief.", "Be long."]


def test_a_conversation_is_saved_once_as_markdown_or_json(talk: Talk, tmp_path: Path) -> None:
    text, data = tmp_path / "said.md", tmp_path / "said.json"
    lines = (f"/save {text}", "hi", f"/save {text}", f"/save {data}", f"/save {data}", "/save", "/save x.pdf")
    _, _, err = talk(*lines, f"/save {tmp_path}/none/x.md", "/save ~nobody-here/x.md")
    assert text.read_text().startswith("# hi\n\n## user, 20")
    assert json.loads(data.read_text())["messages"][1]["content"] == "You said: hi"
    assert text.stat().st_mode & 0o777 == 0o600
    for said in (
        "nothing has been said yet",
        f"2 messages are in {text}",
        "said.json is there already: give another name",
        "give a file that ends in .md or .json",
        "cannot be written: No such file",
        "no such home directory",
    ):
        assert said in err


def test_a_turn_is_taken_back_and_the_conversation_that_had_it_stays(simulator: Simulator, talk: Talk) -> None:
    lines = ("/fork", "/undo", "one", "two", "/fork x", "/fork 9", "/undo", "three", "/undo", "/undo", "/undo")
    _, _, err = talk(
        *lines, f"/fork {'9' * 5000}", "/open", "/open trip", "/open tr", "/new other", "four", argv=["trip", "--new"]
    )
    assert [[each["content"] for each in got.json["messages"]][-3::2] for got in simulator.received] == [
        ["one"],
        ["one", "two"],
        ["one", "three"],
        ["four"],
    ]
    for said in (
        "nothing has been said yet: there is nothing to fork",
        "'x' is no version",
        "'999999999999999999' is no version",  # and not one that Python refuses to read
        "the conversation has the versions 1 to 3",
        "; trip stays as it is",
        "there is no turn left to take back",
        "give the id of one",
        "trip, 4 messages\nuser: two\nassistant: You said: two\n",
        "a new conversation begins with your next line",
    ):
        assert said in err


def test_a_conversation_is_deleted_when_that_is_meant(talk: Talk) -> None:
    _, _, err = talk("/delete", "hi", "/delete", "no", "/delete", "y", "/list", "hi", "/delete", argv=["trip", "--new"])
    assert "delete trip with 2 messages for good? [y/N] it stays" in err
    assert "it is gone; a new conversation begins" in err
    assert err.count("there are no conversations yet") == 1


def test_a_conversation_that_is_gone_on_with_shows_what_was_said_last(talk: Talk) -> None:
    talk("hi", argv=["trip", "--new"])
    _, out, err = talk("and?", argv=["trip", "--json"])
    assert err.startswith("trip; /help lists")
    assert "user: hi\nassistant: You said: hi\n" in err
    assert json.loads(out)["conversation_id"] == "trip"


def test_what_is_no_command_is_told_or_said(simulator: Simulator, talk: Talk) -> None:
    _, _, err = talk("/modle", "/xyzzy", "/help", "/usr/bin/env is what?", " /model", "")
    assert "unknown command /modle: did you mean /model? /help lists them" in err
    assert "unknown command /xyzzy: /help lists them" in err
    assert all(name in err for name in COMMANDS)
    said = [each.json["messages"][-1]["content"] for each in simulator.received]
    assert said == ["/usr/bin/env is what?", " /model"]


def test_several_lines_are_one_message(simulator: Simulator, talk: Talk) -> None:
    talk("one\\", "two", '"""three', "", 'four"""', '"""', "five", '"""', "six\\")
    talk('"""seven', "eight")
    said = [each.json["messages"][-1]["content"] for each in simulator.received]
    assert said == ["one\ntwo", "three\n\nfour", "five", "six", "seven\neight"]
