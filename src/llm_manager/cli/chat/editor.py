"""The keyboard: lines with history and completion (the standard library's readline), and messages of several lines."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from llm_manager.domain.sanitize import escape_control_chars

PROMPT, MORE = "> ", ". "

_BLOCK: Final = '"""'
_HISTORY_LINES: Final = 1_000

Complete = Callable[[str], Sequence[str]]
"""What the word under the cursor may become, given the line up to the cursor."""


class Editor:
    """Reads messages. With a *history*, its lines are those of earlier chats too; *read* reads an edited line."""

    def __init__(self, complete: Complete, history: Path | None = None, read: Callable[[str], str] = input) -> None:
        self._read = read
        self._is_edited = sys.stdin.isatty() and sys.stdout.isatty() and _prepare(complete)
        self._history = history if self._is_edited and history is not None and _recall(history) else None

    def message(self) -> str | None:
        """The next message, None when there are no more.

        A line that ends in a backslash goes on in the next one, and so do those between two times three quotation
        marks; the end of the input ends the message too.
        """
        try:
            line = self.line(PROMPT)
        except EOFError:
            return None
        lines = [line]
        if line.lstrip().startswith(_BLOCK):
            lines = self._block(line.lstrip().removeprefix(_BLOCK))
        else:
            while lines[-1].endswith("\\"):
                lines[-1] = lines[-1][:-1]
                more = self._more()
                if more is None:
                    break
                lines.append(more)
        said = "\n".join(lines)
        self._remember(said)
        return said

    def _block(self, first: str) -> list[str]:
        lines: list[str] = [first] if first else []
        while not (lines and lines[-1].rstrip().endswith(_BLOCK)):
            more = self._more()
            if more is None:
                return lines
            lines.append(more)
        last = lines.pop().rstrip().removesuffix(_BLOCK)
        return [*lines, last] if last else lines

    def _more(self) -> str | None:
        try:
            return self.line(MORE)
        except EOFError:
            return None

    def line(self, prompt: str) -> str:
        """One line; raises ``EOFError`` at the end of the input."""
        prompt = escape_control_chars(prompt)
        if self._is_edited:
            return self._read(_invisible(prompt))
        sys.stderr.write(prompt)
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.removesuffix("\n")

    def _remember(self, said: str) -> None:
        if not self._is_edited or not said.strip():
            return
        import readline  # noqa: PLC0415  # Windows has none

        readline.add_history(said)
        if self._history is not None:
            try:
                readline.append_history_file(1, self._history)
            except OSError:
                self._history = None  # a history that cannot be kept is no reason to stop talking


@contextmanager
def unechoed() -> Generator[None, None, None]:
    """What is typed meanwhile is not seen among an answer; it waits for the next prompt."""
    if sys.platform == "win32" or not _is_a_terminal():
        yield
        return
    import termios  # noqa: PLC0415  # Windows has none

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    quiet = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    termios.tcsetattr(terminal, termios.TCSADRAIN, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _is_a_terminal() -> bool:
    """Is standard input one that the system knows? ``sys.stdin`` may be anything that says so."""
    try:
        return os.isatty(sys.stdin.fileno())
    except OSError:
        return False


def _prepare(complete: Complete) -> bool:
    """Whether lines can be edited, which they then can."""
    try:
        import readline  # noqa: PLC0415  # Windows has none
    except ImportError:
        return False

    def candidate(_word: str, index: int) -> str | None:
        found = complete(readline.get_line_buffer()[: readline.get_endidx()])
        return found[index] if index < len(found) else None

    readline.set_auto_history(False)
    readline.set_completer(candidate)
    readline.set_completer_delims(" ")
    if _is_libedit():
        readline.parse_and_bind("bind ^I rl_complete")
    else:
        readline.parse_and_bind("tab: complete")
        readline.parse_and_bind("set enable-bracketed-paste on")  # a pasted block is one message
    return True


def _is_libedit() -> bool:
    import readline  # noqa: PLC0415  # Windows has none

    return "libedit" in (readline.__doc__ or "")


def _recall(history: Path) -> bool:
    """Read the lines of earlier chats from a file that is its owner's alone, or say that there is none to be had."""
    import readline  # noqa: PLC0415  # Windows has none

    try:
        os.close(os.open(history, os.O_RDWR | os.O_CREAT, 0o600))
        readline.set_history_length(_HISTORY_LINES)
        readline.clear_history()
        readline.read_history_file(history)
    except OSError:
        return False
    return True


def _invisible(prompt: str) -> str:
    """*prompt* in bold, in words that GNU readline knows to take no room."""
    if _is_libedit() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return prompt
    return f"\001\033[1m\002{prompt}\001\033[0m\002"
