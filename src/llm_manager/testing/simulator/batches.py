"""The batches that a simulator was handed: files, what became of them, and how far they are.

A batch goes one step of its course whenever it is looked at, alone or in a list, so a test needs no time to pass. Its
requests are answered when it ends, each as a request of its own would be: by the model's script, or sensibly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, final

from llm_manager.testing.simulator.replies import Status

Step: TypeAlias = Literal[
    "validating", "in_progress", "finalizing", "completed", "expired", "failed", "cancelling", "cancelled"
]
"""Where a batch is, in OpenAI's words."""

COURSE: Sequence[Step] = ("validating", "in_progress", "finalizing", "completed")
"""What happens to a batch of which nobody says otherwise. The last step stays."""

ENDS: frozenset[Step] = frozenset({"completed", "expired", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request of a batch came to: *status* and body as they would have been sent; None for one that was not
    begun."""

    custom_id: str
    status: int | None
    body: object = None


@dataclass(frozen=True, slots=True)
class Course:
    """The *steps* of a batch, and how many of its requests are *done* before it expires or is cancelled."""

    steps: Sequence[Step] = COURSE
    done: int = 0


@dataclass(slots=True, kw_only=True)
class Batch:
    """One batch. *made_of* is the file it was made of; *ask* answers a request of it."""

    id: str
    requests: Sequence[tuple[str, object]]
    ask: Callable[[object], tuple[int, object]]
    course: Course
    made_of: str = ""
    metadata: Mapping[str, object] | None = None
    wrong: Sequence[tuple[int, str]] = ()
    at: int = 0
    answers: Sequence[Answer] = ()
    files: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def step(self) -> Step:
        """Where it is."""
        return self.course.steps[min(self.at, len(self.course.steps) - 1)]

    def look(self) -> Step:
        """Where it is, before it goes on; its requests are answered on the way into its end."""
        now = self.step
        self.at += now not in ENDS
        if self.step in ENDS and not self.answers:
            self._end()
        return now

    def cancel(self) -> Step:
        """Begin nothing more; it ends with the next look but one."""
        if self.step not in ENDS:
            self.course, self.at = Course(("cancelling", "cancelled"), self.course.done), 0
        return self.step

    def _end(self) -> None:
        begun = len(self.requests) if self.step == "completed" else self.course.done
        asked = [(id_, *self.ask(request)) for id_, request in self.requests[:begun]]
        left = [Answer(id_, None) for id_, _ in self.requests[begun:]]
        self.answers = () if self.step == "failed" else [*(Answer(*each) for each in asked), *left]


@final
class BatchRoom:
    """All files and batches of one simulator, oldest first."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, Batch] = {}
        self.courses: list[Course] = []
        self.page_size = 1_000
        """The most that a page of a list has, whatever was asked for."""

    def next_course(self) -> Course:
        """The course of the next batch."""
        return self.courses.pop(0) if self.courses else Course()

    def newest(self, after: str | None, limit: int) -> tuple[Sequence[Batch], bool]:
        """At most *limit* batches, newest first, from behind *after*; and whether there are more."""
        ids = list(reversed(self.batches))
        behind = ids[ids.index(after) + 1 :] if after in ids else ids
        most = min(limit, self.page_size)
        return [self.batches[id_] for id_ in behind[:most]], len(behind) > most


AskOne: TypeAlias = Callable[[object], tuple[int, object]]
"""A request of a batch to its status and body."""


@dataclass(frozen=True, slots=True)
class Booked:
    """An answer of one of the endpoints for batches."""

    body: bytes
    content_type: str = "application/json"


Desk: TypeAlias = "Callable[[str, str, Mapping[str, str], bytes, BatchRoom, AskOne], Booked | Status | None]"
"""A vendor's endpoints for batches: method, path, headers and body to an answer; None for what is not theirs."""
