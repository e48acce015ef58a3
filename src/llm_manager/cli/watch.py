"""``status --watch``: how the providers are doing, again and again.

It asks every provider for its list of models, which costs nothing, through a context that stays open; so what it shows
is whether they answer *this* program and how fast. Requests of other programs are not in it, save that breakers which
they share over Redis are.
"""

from __future__ import annotations

import shutil
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, NoReturn

from returns.result import Failure

from llm_manager import ManagerStatus, ModelHealthStatus, describe, get_status, live, to_json
from llm_manager.cli.cells import cropped
from llm_manager.cli.chart import Paint, bar, paint_for, ramp_for
from llm_manager.cli.held import Held, holding
from llm_manager.cli.show import failed, local_time, misused, print_line, seconds, table

_REMEMBERED: Final = 30
"""How many answers of a model its line shows."""

_TERMINATED: Final = 143
"""128 and SIGTERM, as shells have it."""

Seen = Mapping[str, Sequence[float | None]]
"""By model, the milliseconds its provider took each time; None where it failed."""


def watch(every_s: float, *, as_json: bool, pause: Callable[[float], None] = time.sleep) -> int:
    """Show the status every *every_s* seconds, until Ctrl-C.

    On a terminal it is drawn in place; elsewhere it is a line each time, with ``--json`` a document.
    """
    if not 0 < every_s < float("inf"):
        return misused(f"--watch: is {every_s:g}: give a number of seconds above 0")
    return holding(live(), lambda held: _watched(held, every_s, as_json, pause), as_json=as_json)


def _watched(held: Held, every_s: float, as_json: bool, pause: Callable[[float], None]) -> int:  # noqa: FBT001  # private
    seen: dict[str, deque[float | None]] = {}
    is_drawn = sys.stdout.isatty() and not as_json
    with _screen() if is_drawn else _paper():
        while True:
            outcome = held.run(get_status())
            if isinstance(outcome, Failure):
                return failed(outcome.failure(), as_json=as_json)
            now = outcome.unwrap()
            for each in now.models:
                took_ms = each.latency_ms if each.healthy else None
                seen.setdefault(each.model, deque(maxlen=_REMEMBERED)).append(took_ms)
            at = local_time(held.context.clock.unix_s(), "%H:%M:%S")
            if is_drawn:
                _draw(picture(now, seen, f"{at}, every {every_s:g} s; Ctrl-C ends"))
            else:
                print_line(to_json(now) if as_json else line(now, at))
                sys.stdout.flush()
            pause(every_s)


def line(now: ManagerStatus, at: str) -> str:
    """The status on one line."""
    well = sum(each.healthy for each in now.models)
    return f"{at}  {well} of {len(now.models)} well  {'  '.join(map(_word, now.models))}".rstrip()


def _word(each: ModelHealthStatus) -> str:
    if not each.healthy:
        return f"{each.model}=DOWN"
    return f"{each.model}={'ok' if each.latency_ms is None else seconds(each.latency_ms / 1000).replace(' ', '')}"


def picture(now: ManagerStatus, seen: Seen, title: str) -> Sequence[tuple[str, bool]]:
    """The lines of the screen, and whether each is about something that is well."""
    full = max((ms for each in seen.values() for ms in each if ms is not None), default=0.0) or 1.0
    rows = [
        (
            each.model,
            each.provider,
            "ok" if each.healthy else "DOWN",
            each.circuit,
            "" if each.latency_ms is None else seconds(each.latency_ms / 1000),
            _strip(seen[each.model], full),
            "" if each.last_error is None else describe(each.last_error),
        )
        for each in now.models
    ]
    head, rule, *lines = table(("MODEL", "PROVIDER", "HEALTH", "CIRCUIT", "TOOK", "LATELY", "ERROR"), rows).split("\n")
    top = f"llm-manager {now.version}: {'healthy' if now.healthy else 'NO MODEL CAN BE REACHED'}, {title}"
    wells = [each.healthy for each in now.models]
    return ((top, now.healthy), ("", True), (head, True), (rule, True), *zip(lines, wells, strict=True))


def _strip(took_ms: Sequence[float | None], full: float) -> str:
    ramp = ramp_for(sys.stdout)
    return "".join("x" if ms is None else bar((ms,), full, ramp) for ms in took_ms)


def _draw(lines: Sequence[tuple[str, bool]]) -> None:
    """Over what stood there, as much as there is room for."""
    size = shutil.get_terminal_size()
    paint = paint_for(sys.stdout)
    shown = [_painted(text, size.columns, paint, is_well=well) for text, well in lines[: size.lines - 1]]
    sys.stdout.write("\033[H" + "".join(f"{each}\033[K\n" for each in shown) + "\033[J")
    sys.stdout.flush()


def _painted(text: str, columns: int, paint: Paint, *, is_well: bool) -> str:
    return paint(cropped(text, columns - 1), "plain" if is_well else "red")


@contextmanager
def _screen() -> Generator[None, None, None]:
    """The terminal's other screen, without a cursor; the first one is back afterwards, also when we are told to end."""
    before = signal.signal(signal.SIGTERM, _end)
    sys.stdout.write("\033[?1049h\033[?25l")
    try:
        yield
    finally:
        sys.stdout.write("\033[?25h\033[?1049l")
        sys.stdout.flush()
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _paper() -> Generator[None, None, None]:
    yield


def _end(_signal: int, _frame: object) -> NoReturn:
    sys.exit(_TERMINATED)
