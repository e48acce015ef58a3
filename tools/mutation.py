"""``make mutants``: does some test notice when one thing in the policies or the combinators is changed?

mutmut makes the mutants, mypy refuses those that could never be merged, the tests kill of the others what they can.
What lives on has to stand in ``tests/mutants/accepted.toml`` with the reason why it may; a line there that no mutant
answers to any more has to go. Arguments are those of ``mutmut run``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ACCEPTED = Path("tests/mutants/accepted.toml")
LEAST_SHARE = 0.9
"""Fewer killed of those that mypy lets pass is a failure, whatever stands in the list."""

REFUSED = "caught by type check"
KILLED = ("killed", "timeout")
"""A mutant that runs until its time is up is noticed too."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: in *function* the lines *was* have become the lines *now*, without their indentation."""

    function: str
    was: str
    now: str


@dataclass(frozen=True, slots=True)
class Tally:
    """The mutants of one module: *refused* by mypy, *killed* by tests, and *alive*."""

    refused: int = 0
    killed: int = 0
    alive: int = 0

    @property
    def share(self) -> float:
        """Killed, of those that mypy lets pass."""
        tried = self.killed + self.alive
        return self.killed / tried if tried else 1.0


def function_of(name: str) -> str:
    """The function that mutmut's *name* of a mutant speaks of.

    >>> function_of("llm_manager.policies.bucket.x__wait_s__mutmut_7")
    'policies.bucket._wait_s'
    >>> function_of("llm_manager.policies.continuation.xǁSeamǁfeed__mutmut_1")
    'policies.continuation.Seam.feed'
    """
    module, _, mangled = name.removeprefix("llm_manager.").rpartition(".")
    function = re.sub(r"__mutmut_\d+$", "", mangled)
    return f"{module}.{function[2:].replace('ǁ', '.')}"


def statuses(results: str) -> dict[str, str]:
    """What became of each mutant, by its name, from what ``mutmut results --all true`` prints."""
    lines = (line.strip().rpartition(": ") for line in results.splitlines())
    return {name: status for name, _, status in lines if "__mutmut_" in name}


def tallies(became: Mapping[str, str]) -> dict[str, Tally]:
    """The tally of each module."""
    counts = Counter((".".join(function_of(name).split(".")[:2]), status) for name, status in became.items())
    modules = sorted({module for module, _ in counts})
    return {module: _tally({status: counts[module, status] for status in became.values()}) for module in modules}


def _tally(by_status: Mapping[str, int]) -> Tally:
    refused, killed = by_status.get(REFUSED, 0), sum(by_status.get(status, 0) for status in KILLED)
    return Tally(refused, killed, sum(by_status.values()) - refused - killed)


def mutant_of(name: str, diff: str) -> Mutant:
    """The change that *diff*, printed by ``mutmut show``, describes."""
    lines = [line for line in diff.splitlines() if line[:1] in ("-", "+") and line[:3] not in ("---", "+++")]
    was, now = ("\n".join(line[1:].strip() for line in lines if line[0] == sign) for sign in "-+")
    return Mutant(function_of(name), was, now)


def table(by_module: Mapping[str, Tally]) -> str:
    """A line for each module and one for all of them."""
    every = by_module.values()
    rows = {**by_module, "all": Tally(*(sum(column) for column in zip(*map(_columns, every), strict=True)))}
    lines = [f"{'module':32}{'mutants':>9}{'refused':>9}{'killed':>9}{'alive':>7}{'share':>9}"]
    for module, tally in rows.items():
        counts = _columns(tally)
        lines.append(f"{module:32}{sum(counts):9}{counts[0]:9}{counts[1]:9}{counts[2]:7}{tally.share:9.1%}")
    return "\n".join(lines)


def _columns(tally: Tally) -> tuple[int, int, int]:
    return tally.refused, tally.killed, tally.alive


def complaints(by_module: Mapping[str, Tally], alive: Iterable[Mutant], accepted: Iterable[Mutant]) -> list[str]:
    """Everything that makes the run a failure."""
    found, known = set(alive), set(accepted)
    killed, left = (sum(getattr(tally, what) for tally in by_module.values()) for what in ("killed", "alive"))
    few = [f"fewer than {LEAST_SHARE:.0%} are killed"] if Tally(0, killed, left).share < LEAST_SHARE else []
    new = [f"alive and not accepted: {_told(mutant)}" for mutant in sorted(found - known, key=str)]
    old = [f"accepted and not alive: {_told(mutant)}" for mutant in sorted(known - found, key=str)]
    return [*few, *new, *old]


def _told(mutant: Mutant) -> str:
    lines = [f"    - {line}" for line in mutant.was.splitlines()] + [
        f"    + {line}" for line in mutant.now.splitlines()
    ]
    return "\n".join((mutant.function, *lines))


def read_accepted(text: str) -> list[Mutant]:
    """The mutants that may live; each must have a reason."""
    rows = tomllib.loads(text).get("accepted", [])
    for row in rows:
        if not row["why"].strip():
            raise ValueError(f"no reason is given for {row['function']}")
    return [Mutant(row["function"], row["was"].strip(), row["now"].strip()) for row in rows]


def _mutmut(*arguments: str) -> str:
    return subprocess.run(["mutmut", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def main(arguments: Sequence[str]) -> int:
    """Make the mutants, run the tests on them, and say what lives on."""
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    os.environ["HYPOTHESIS_PROFILE"] = "mutants"
    shutil.rmtree("mutants", ignore_errors=True)  # a verdict is kept there for as long as its function stays the same
    subprocess.run(["mutmut", "run", *arguments], check=True)
    became = statuses(_mutmut("results", "--all", "true"))
    by_module = tallies(became)
    alive = [name for name, status in became.items() if status not in (REFUSED, *KILLED)]
    found = [mutant_of(name, _mutmut("show", name)) for name in alive]
    wrong = complaints(by_module, found, read_accepted(ACCEPTED.read_text(encoding="utf-8")))
    print("\n".join((table(by_module), *wrong)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
