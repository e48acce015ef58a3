"""``make bench``: measure every row, print the table, write it to ``benchmarks/results.md`` and draw its chart."""

from __future__ import annotations

import platform
from pathlib import Path

from benchmarks import calls, estimates, extracting, importing, memory, scores, stack, streams
from benchmarks.chart import chart
from benchmarks.row import Row

RESULTS = Path(__file__).parent / "results.md"
CHART = RESULTS.with_name("results.svg")
MISSING = RESULTS.with_name("missing.md")
"""What the table cannot say: which targets are missed, why, and what was tried. Written by hand."""

FAMILIES = (importing.rows, stack.rows, streams.rows, calls.rows, memory.rows, extracting.rows, estimates.rows)


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
    lines = [line for family in FAMILIES for line in family()]
    text = table(lines)
    text += f"\n\nDearest in the import, by `-X importtime`: {', '.join(importing.dearest())}."
    text += f"\n\n## What was meant, and who found it\n\n{scores.table()}"
    where = f"Python {platform.python_version()}, {platform.machine()}; figures move from machine to machine."
    picture = f"![What a call costs with each client]({CHART.name})"
    missing = MISSING.read_text(encoding="utf-8")
    RESULTS.write_text(f"# Results\n\n{where}\n\n{picture}\n\n{text}\n\n{missing}", encoding="utf-8")
    CHART.write_text(chart(lines), encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
