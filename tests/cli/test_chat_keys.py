"""A chat and its terminal: keys, names that are completed, lines that are remembered."""

from __future__ import annotations

import io
import os
import pty
import signal
import sys
import termios
from pathlib import Path

import anyio
import pytest

from llm_manager import (
    Context,
    ConversationConflict,
    ConversationContext,
    ImagePart,
    LLMError,
    LLMRequest,
    LLMResponse,
    LLMStream,
    Outcome,
    StoredMessage,
    TextPart,
    ToolCall,
    collect,
    continue_conversation,
    effect,
    get_conversation,
    run,
)
from llm_manager.cli.chat.command import completions
from llm_manager.cli.chat.editor import Editor, unechoed
from llm_manager.cli.chat.seat import Seat, turn
from llm_manager.cli.chat.shown import as_markdown, last_exchange
from llm_manager.cli.chat.store import keeping
from llm_manager.cli.held import Held, holding
from llm_manager.cli.home import data_home
from llm_manager.cli.main import main
from llm_manager.layers import live
from llm_manager.testing.simulator import Say, Simulator
from tests.cli.chatting import Capture, Talk
from tests.cli.chatting import simulator as simulator
from tests.cli.chatting import talk as talk


class Typing:
    """A terminal at which *keys* are pressed; an exception is what a key does."""

    def __init__(self, *keys: str | BaseException) -> None:
        self._keys = list(keys)

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError

    def readline(self) -> str:
        key = self._keys.pop(0) if self._keys else ""
        if isinstance(key, BaseException):
            raise key
        return key


class Interrupting(io.StringIO):
    """A terminal at which somebody presses Ctrl-C as soon as something is to be read there."""

    is_pressed = False

    def write(self, text: str, /) -> int:
        if not self.is_pressed:
            self.is_pressed = True
            signal.raise_signal(signal.SIGINT)
        return super().write(text)


def test_no_key_ends_a_chat_but_the_one_that_does(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    no_text = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
    monkeypatch.setattr(sys, "stdin", Typing("hi\n", KeyboardInterrupt(), no_text, "/delete\n", EOFError(), "/quit\n"))
    assert main(["chat", "--no-history"]) == 0
    err = capsys.readouterr().err
    assert "(Ctrl-D or /quit leaves)" in err
    assert "that was no text in the encoding of this terminal" in err
    monkeypatch.setattr(sys, "stdin", Typing("hi\n", "/list\n"))
    assert main(["chat", "--no-history"]) == 0
    assert capsys.readouterr().err.count("  hi\n") == 2


def test_ctrl_c_in_the_middle_of_an_answer_is_told(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    simulator.script("gpt-6.1-terra", [Say("one two three four " * 50, gap_s=0.2)])
    monkeypatch.setattr(sys, "stdin", Typing("count\n", "/list\n"))
    monkeypatch.setattr(sys, "stdout", Interrupting())
    assert main(["chat"]) == 0
    err = capsys.readouterr().err.replace("> ", "")
    assert "\nstopped: nothing of this turn is stored\nthere are no conversations yet\n" in err


def test_what_the_store_cannot_do_is_told(talk: Talk, tmp_path: Path) -> None:
    (tmp_path / "other.db").write_text("no database at all, and much longer than any header" * 9)
    store = ("--store", str(tmp_path / "other.db"))
    assert main(["chat", "--list", *store]) == 1
    code, _, err = talk("hi", "/list", "/cost", "/open x", argv=store)
    assert (code, err.count("the store sqlite cannot be used")) == (0, 4)
    assert talk(argv=("--last", *store))[0] == 1
    assert talk(argv=("x", *store))[0] == 1


def test_names_are_completed_from_what_there_is(talk: Talk, tmp_path: Path) -> None:
    talk("hi", argv=["trip", "--new"])

    def act(held: Held) -> int:
        complete = completions(held)
        assert complete("/mo") == ["/model "]
        assert complete("") == complete("hello") == complete("/save tr") == []
        assert complete("/model gpt-5.6-l") == ["gpt-5.6-luna"]
        assert complete("/open t") == ["trip"]
        return 0

    assert holding(keeping(None).unwrap(), act) == 0
    lost = keeping(str(tmp_path / "none" / "chats.db")).unwrap()
    assert holding(lost, lambda held: len(completions(held)("/open t"))) == 0


def test_pictures_and_tools_are_named_where_a_conversation_is_read() -> None:
    said = (
        StoredMessage(
            role="user", content=(TextPart("Look:"), ImagePart(url="http://x/y"), ImagePart(data=b"")), timestamp=0
        ),
        StoredMessage(role="assistant", timestamp=0, tool_calls=(ToolCall(id="1", name="zoom", arguments="{}"),)),
    )
    whole = ConversationContext(id="trip", messages=said, created_at=0, updated_at=0, version=2)
    assert last_exchange(whole) == ("user: Look: (an image: http://x/y) (an image)\nassistant: calls `zoom` with `{}`")
    assert as_markdown(whole).startswith("# trip\n\n## user, ")


def test_a_conversation_that_another_went_on_with_is_left_alone() -> None:
    def act(held: Held) -> int:
        async def meddled(answer: LLMStream) -> Outcome[LLMResponse, LLMError]:
            await run(continue_conversation("trip", "I was first."), held.context)
            return await collect(answer)

        seat = Seat(wishes=LLMRequest(), new_id="trip")
        for reading in (meddled, collect):
            assert isinstance(held.run(turn(seat, "hi", reading)).failure(), ConversationConflict)
        return held.run(get_conversation("trip")).unwrap().version

    assert holding(keeping(None).unwrap(), act) == 2


def test_what_is_typed_during_an_answer_is_not_seen_among_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        before = termios.tcgetattr(terminal)
        with unechoed():
            assert not termios.tcgetattr(terminal)[3] & termios.ECHO
        assert termios.tcgetattr(terminal) == before
    os.close(ours)


def test_without_line_editing_lines_are_read_as_they_are(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "readline", None)
    monkeypatch.setattr(sys, "stdin", Typing("one\n"))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    editor = Editor(lambda _line: (), tmp_path / "history")
    assert [editor.message(), editor.message()] == ["one", None]
    assert capsys.readouterr() == ("", "> > ")


class Keys:
    """Lines as an editor gives them; an exception is what a key does."""

    def __init__(self, *lines: str | BaseException) -> None:
        self._lines = list(lines)
        self.prompts: list[str] = []

    def __call__(self, prompt: str) -> str:
        self.prompts.append(prompt)
        line = self._lines.pop(0) if self._lines else EOFError()
        if isinstance(line, BaseException):
            raise line
        return line


def edited(monkeypatch: pytest.MonkeyPatch, keys: Keys, history: Path | None) -> Editor:
    for end in (sys.stdin, sys.stdout):
        monkeypatch.setattr(end, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Editor(lambda line: [f"{line}!"], history, keys)


def test_lines_are_remembered_for_the_next_chat_by_their_owner_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import readline  # noqa: PLC0415  # what is tested is what it then holds

    history = tmp_path / "history"
    keys = Keys("one", " ", "two\\", "three")
    editor = edited(monkeypatch, keys, history)
    assert [editor.message() for _ in range(4)] == ["one", " ", "two\nthree", None]
    assert keys.prompts[0] == "\001\033[1m\002> \001\033[0m\002"
    assert (history.read_text(), history.stat().st_mode & 0o777) == ("one\ntwo\nthree\n", 0o600)
    completer = readline.get_completer()
    assert completer is not None
    assert (completer("", 0), completer("", 1)) == ("!", None)
    monkeypatch.setenv("NO_COLOR", "1")
    again = Keys("four")
    assert edited(monkeypatch, again, tmp_path).message() == "four"
    readline.clear_history()


def test_a_history_that_cannot_be_kept_ends_no_chat(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    editor = edited(monkeypatch, Keys("one", "two"), folder / "history")
    (folder / "history").unlink()
    folder.rmdir()
    assert [editor.message(), editor.message(), editor.message()] == ["one", "two", None]


def test_the_data_directory_is_where_each_system_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert data_home({"XDG_DATA_HOME": "relative"}, "linux") == Path("/home/ada/.local/share/llm_manager")
    assert data_home({}, "darwin") == Path("/home/ada/Library/Application Support/llm_manager")
    assert data_home({"LOCALAPPDATA": "/local"}, "win32") == Path("/local/llm_manager")


def test_ctrl_c_calls_off_an_operation_once_it_has_let_go() -> None:
    ends: list[str] = []

    async def waiting(_context: Context) -> Outcome[str, LLMError]:
        try:
            signal.raise_signal(signal.SIGINT)  # in this thread, which is not the one that acts on it
            await anyio.sleep_forever()
            raise AssertionError
        finally:
            ends.append("let go")

    def act(held: Held) -> int:
        assert held.run_unless_stopped(effect(waiting)) is None
        return 7

    before = signal.getsignal(signal.SIGINT)
    assert holding(live(), act) == 7
    assert (ends, signal.getsignal(signal.SIGINT)) == (["let go"], before)
