"""``make bench``: measure every row, print the table, and write it to ``benchmarks/results.md``."""

from __future__ import annotations

import platform
from pathlib import Path

from benchmarks import importing, stack
from benchmarks.row import Row

RESULTS = Path(__file__).parent / "results.md"


def table(rows: list[Row]) -> str:
    """The rows as Markdown."""
    lines = ["| what | median | spread | target | |", "|---|---|---|---|---|"]
    for each in rows:
        target = "" if each.target is None else f"{each.target:g} {each.unit}"
        lines.append(f"| {each.name} | {each.median:.1f} {each.unit} | {each.spread:.1f} | {target} | {each.verdict} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and tell."""
    text = table([*importing.rows(), *stack.rows()])
    where = f"Python {platform.python_version()}, {platform.machine()}; figures move from machine to machine."
    RESULTS.write_text(f"# Results\n\n{where}\n\n{text}\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
