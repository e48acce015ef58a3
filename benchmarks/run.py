"""``make bench``: measure every row, print the table, and write it to ``benchmarks/results.md``."""

from __future__ import annotations

import platform
from pathlib import Path

from benchmarks import calls, importing, stack, streams
from benchmarks.row import Row

RESULTS = Path(__file__).parent / "results.md"


FAMILIES = (importing.rows, stack.rows, streams.rows, calls.rows)


def table(rows: list[Row]) -> str:
    """The rows as Markdown."""
    lines = ["| what | median | spread | target | | ratio |", "|---|---|---|---|---|---|"]
    for each in rows:
        target = "" if each.target is None else f"{each.target:g} {each.unit}"
        ratio = "" if each.ratio is None else f"{each.ratio:.2f} x {each.peer.removeprefix('  peer: ')}"
        figures = f"{each.median:.1f} {each.unit} | {each.spread:.1f}"
        lines.append(f"| {each.name} | {figures} | {target} | {each.verdict} | {ratio} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and tell."""
    text = table([line for family in FAMILIES for line in family()])
    text += f"\n\nDearest in the import, by `-X importtime`: {', '.join(importing.dearest())}."
    where = f"Python {platform.python_version()}, {platform.machine()}; figures move from machine to machine."
    RESULTS.write_text(f"# Results\n\n{where}\n\n{text}\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
