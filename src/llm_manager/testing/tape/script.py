"""What a recording says, handed out once: readings and draws by strand, exchanges by their content."""

from __future__ import annotations

import os
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, final

from returns.result import Failure, Success

from llm_manager.domain.outcome import Outcome
from llm_manager.testing.tape.content import Difference, content_of, differences, distance
from llm_manager.testing.tape.file import RecordingUnusable, read_lines
from llm_manager.testing.tape.lines import (
    Answered,
    Asked,
    CalendarRead,
    Cancelled,
    Closed,
    Draw,
    Failed,
    Finished,
    Limited,
    Line,
    Listed,
    Opened,
    Pulled,
    Reading,
    Recording,
    Slept,
    Step,
)
from llm_manager.testing.tape.timeline import Moment

Numbered: TypeAlias = tuple[int, Step]


class NotRecorded(Exception):
    """The program asked a model for something that is not in the recording, or no longer.

    *nearest* is the recorded question that is most like the one *asked*, if any is, and *differences* say how they
    differ, field by field; without any, it has been answered as often as it was recorded. It is no ``LLMError``: no
    policy may retry it, fall back from it or count it, and no test of a failure may pass by it.
    """

    def __init__(
        self, path: str, asked: Asked, why: str, nearest: Asked | None = None, differ: Sequence[Difference] = ()
    ) -> None:
        self.path = path
        self.asked = asked
        self.nearest = nearest
        self.differences = tuple(differ)
        super().__init__("\n".join([f"{path}: {_named(asked)} {why}", *(f"  {each}" for each in differ)]))


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOver:
    """How a replay differed from its recording: what was never asked for, and what was asked for and is not in it.

    *pulls* are those of streams that were not read as far as then; *missed* is what :class:`NotRecorded` was raised
    for, and *unrecorded* the readings, draws and waits that there was no answer for.
    """

    exchanges: tuple[Asked, ...] = ()
    missed: tuple[Asked, ...] = ()
    pulls: int = 0
    readings: int = 0
    draws: int = 0
    waits: int = 0
    unrecorded: int = 0

    def __bool__(self) -> bool:
        return self != LeftOver()

    def __str__(self) -> str:
        counts = {"pull": self.pulls, "reading": self.readings, "draw": self.draws, "wait": self.waits}
        never = [f"{_named(asked)} (exchange {asked.exchange})" for asked in self.exchanges]
        never += [f"{count} {what}{'s' if count > 1 else ''}" for what, count in counts.items() if count]
        without = [_named(asked) for asked in self.missed]
        without += [f"{self.unrecorded} readings, draws or waits"] if self.unrecorded else []
        lists = {"never asked for": never, "asked for and not in it": without}
        return "; ".join(f"{what}: {', '.join(each)}" for what, each in lists.items() if each)


@final
class Exchange:
    """A recorded exchange: what was asked, in line *line*, and what has not been played back of it."""

    __slots__ = ("asked", "is_taken", "line", "steps")

    def __init__(self, asked: Asked, line: int) -> None:
        self.asked = asked
        self.line = line
        self.steps: deque[Numbered] = deque()
        self.is_taken = False


@final
class Script:
    """The recording in *path*. *endings* are the lines of all that was waited for and ended."""

    __slots__ = (
        "_calendar",
        "_draws",
        "_exchanges",
        "_is_whole",
        "_missed",
        "_path",
        "_readings",
        "_same",
        "_unrecorded",
        "_waits",
        "endings",
        "header",
    )

    def __init__(self, path: str, header: Recording) -> None:
        self._path = path
        self.header = header
        self.endings: list[int] = []
        self._is_whole = False
        self._readings: defaultdict[str, deque[float]] = defaultdict(deque)
        self._calendar: defaultdict[str, deque[float]] = defaultdict(deque)
        self._draws: defaultdict[str, deque[float]] = defaultdict(deque)
        self._waits: dict[tuple[str, int], Moment | None] = {}
        self._exchanges: dict[int, Exchange] = {}
        self._same: defaultdict[str, list[Exchange]] = defaultdict(list)
        self._unrecorded = 0
        self._missed: list[Asked] = []

    def add(self, number: int, line: Line) -> str | None:
        """Take in line *number*; gives what is wrong with it."""
        match line:
            case Reading(reader=reader, at_s=at_s):
                self._readings[reader].append(at_s)
            case CalendarRead(reader=reader, unix_s=unix_s):
                self._calendar[reader].append(unix_s)
            case Draw(reader=reader, value=value):
                self._draws[reader].append(value)
            case Slept(reader=reader, nth=nth, at_s=at_s, at_once=at_once):
                self._add_wait(reader, nth, None if at_s is None else Moment(at_s, number, at_once))
            case Limited(reader=reader, nth=nth, at_s=at_s):
                self._add_wait(reader, nth, None if at_s is None else Moment(at_s, number))
            case Asked():
                self._exchanges[line.exchange] = Exchange(line, number)
                self._same[content_of(line)].append(self._exchanges[line.exchange])
            case Answered() | Failed() | Listed() | Opened() | Pulled() | Cancelled() | Closed():
                return self._add_step(number, line)
            case Finished():
                self._is_whole = True
            case Recording():
                return "a second recording begins here: two files were put together"
        return None

    def _add_step(self, number: int, step: Step) -> str | None:
        exchange = self._exchanges.get(step.exchange)
        if exchange is None:
            return f"goes on with exchange {step.exchange}, which has not begun"
        exchange.steps.append((number, step))
        if not isinstance(step, Cancelled | Closed):
            self.endings.append(number)
        return None

    def _add_wait(self, reader: str, nth: int, moment: Moment | None) -> None:
        self._waits[reader, nth] = moment
        if moment is not None:
            self.endings.append(int(moment.line))

    def reading(self, reader: str) -> float | None:
        """The next reading of *reader*, None past the last."""
        return self._next(self._readings[reader])

    def calendar(self, reader: str) -> float | None:
        """The next reading of the wall clock by *reader*, None past the last."""
        return self._next(self._calendar[reader])

    def draw(self, reader: str) -> float | None:
        """The next draw of *reader*, None past the last."""
        return self._next(self._draws[reader])

    def _next(self, values: deque[float]) -> float | None:
        if values:
            return values.popleft()
        self._unrecorded += 1
        return None

    def wait(self, reader: str, nth: int, otherwise_s: float) -> Moment | None:
        """When the wait *nth* of *reader* ended, None if never by itself; *otherwise_s* if it was not recorded."""
        if (reader, nth) in self._waits:
            return self._waits.pop((reader, nth))
        self._unrecorded += 1
        return Moment(otherwise_s)

    def exchange(self, asked: Asked) -> Exchange:
        """The exchange in which the same was asked: by the same run if there is one, else the first that is left.

        Raises :class:`NotRecorded`.
        """
        same = self._same.get(content_of(asked), [])
        left = [each for each in same if not each.is_taken]
        of_run = (each for each in left if each.asked.trace_id == asked.trace_id)
        found = next(of_run, left[0] if left else None)
        if found is None:
            raise self._miss(asked, len(same))
        found.is_taken = True
        return found

    def ends_here(self, exchange: Exchange) -> NotRecorded:
        """What to raise when more of *exchange* is wanted than there is."""
        why = "goes on, and its recording ends here"
        killed = "" if self._is_whole else ": the run that was recorded was killed"
        return self._not_recorded(exchange.asked, f"{why} (exchange {exchange.asked.exchange}){killed}")

    def nobody_cancels(self, exchange: Exchange) -> NotRecorded:
        """What to raise when who was cancelled in the recording is not."""
        why = f"was cancelled in the recording (exchange {exchange.asked.exchange}), and nobody cancels it now"
        return self._not_recorded(exchange.asked, why)

    def left_over(self) -> LeftOver:
        """What has not been asked for so far, and what has that was not recorded."""
        exchanges = self._exchanges.values()
        taken = [each for each in exchanges if each.is_taken]
        return LeftOver(
            exchanges=tuple(each.asked for each in exchanges if not each.is_taken),
            pulls=sum(not isinstance(step, Closed) for each in taken for _, step in each.steps),
            readings=sum(map(len, (*self._readings.values(), *self._calendar.values()))),
            draws=sum(map(len, self._draws.values())),
            waits=len(self._waits),
            missed=tuple(self._missed),
            unrecorded=self._unrecorded,
        )

    def _not_recorded(
        self, asked: Asked, why: str, nearest: Asked | None = None, differ: Sequence[Difference] = ()
    ) -> NotRecorded:
        self._missed.append(asked)
        return NotRecorded(self._path, asked, why, nearest, differ)

    def _miss(self, asked: Asked, times: int) -> NotRecorded:
        if times:
            why = f"was recorded {times} time{'s' if times > 1 else ''}, and is asked for once more"
            return self._not_recorded(asked, why, self._same[content_of(asked)][0].asked)
        recorded = [each.asked for each in self._exchanges.values()]
        if not recorded:
            return self._not_recorded(asked, "was not recorded: no model was asked anything")
        nearest = min(recorded, key=lambda each: distance(each, asked))
        line = self._exchanges[nearest.exchange].line
        why = f"was not recorded; the nearest is exchange {nearest.exchange} (line {line}), which differs in"
        return self._not_recorded(asked, why, nearest, differences(nearest, asked))


def read_script(path: str | os.PathLike[str]) -> Outcome[Script, RecordingUnusable]:
    """What the recording in *path* says."""
    read = read_lines(path)
    if isinstance(read, Failure):
        return read
    header, lines = read.unwrap()
    script = Script(str(path), header)
    for number, line in lines:
        try:
            wrong = script.add(number, line)
        except RecursionError:
            wrong = "is nested too deeply"
        if wrong is not None:
            return Failure(RecordingUnusable(str(path), "damaged", wrong, number))
    return Success(script)


def _named(asked: Asked) -> str:
    """An exchange in a few words."""
    what = {"complete": "the call of", "stream": "the stream of", "models": "the list of models of"}[asked.how]
    return f"{what} {asked.target.get('model')} at {asked.target.get('provider')}"
