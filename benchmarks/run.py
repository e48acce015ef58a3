"""``make bench``: measure every row, print the table, and write it to ``benchmarks/results.md``."""

from __future__ import annotations

import platform
from pathlib import Path

from benchmarks import calls, extracting, importing, memory, scores, stack, streams
from benchmarks.row import Row

RESULTS = Path(__file__).parent / "results.md"


FAMILIES = (importing.rows, stack.rows, streams.rows, calls.rows, memory.rows, extracting.rows)


def table(rows: list[Row]) -> str:
    """The rows as Markdown."""
    lines = ["| what | median | spread | target | | ratio |", "|---|---|---|---|---|---|"]
    for each in rows:
        target = "" if each.target is None else f"{each.target:g} {each.unit}"
        ratio = "" if each.ratio is None else f"{each.ratio:.2f} x {each.peer.removeprefix('  peer: ')}"
        figures = f"{each.median:.1f} {each.unit} | {each.spread:.1f}"
        lines.append(f"| {each.name} | {figures} | {target} | {each.verdict} | {ratio} |")
    return "\n".join(lines)


MISSING = """## What is missing, and why

A whole `generate` costs about 80 us more than its transport and its wire: some fifteen small coroutines and closures a
call, seven copies of frozen records and three anyio scopes. On httpx2 that is half as much again as the bare client; on
aiohttp, which costs a fifth of httpx2, it is most of the call. Next to it stand the wire (encoding, reading JSON with
nothing taken for granted) and the driver (caps, unpacking, refusals), some 100 us together. It is the work of a later
step to make records cheaper to copy and the stack flatter; nothing in the design asks for what it costs now.

A piece of a stream costs what httpx2 takes to hand it over, 10 us, and a dozen for the reader, the deadline and the
event. The fast engine hands over all pieces that have come at once.

At 100 calls at once the fast engine costs a good deal more beside the other libraries than alone, where it takes a
third of what this table says: they leave much for the garbage collector to walk through. What else there is to it is
not known.

At 500 calls at once this machine of two cores is busy with its server as well: the bare aiohttp slows down alike.

Extraction: valid JSON of 100 KB costs a fifth more than the Rust parser alone, because that parser lets numbers through
that overflow to infinity; looking for them is a translation and a search of all bytes, and nothing cheaper was found (a
look at the values afterwards, by `marshal`, `to_json` or a callback a float, costs more). Text that is damaged at
every turn costs Python some 0.7 us a member even where one regular expression reads it, and a tuple for each of ten
thousand repairs; twice the target and more is left of three times, and the next step would be native code. Hostile text
is held to a budget of steps; what stays above the target is damaged JSON lines of nine characters each, which are not
hostile: eleven thousand values at nine microseconds apiece.
"""


def main() -> None:
    """Measure and tell."""
    text = table([line for family in FAMILIES for line in family()])
    text += f"\n\nDearest in the import, by `-X importtime`: {', '.join(importing.dearest())}."
    text += f"\n\n## What was meant, and who found it\n\n{scores.table()}"
    where = f"Python {platform.python_version()}, {platform.machine()}; figures move from machine to machine."
    RESULTS.write_text(f"# Results\n\n{where}\n\n{text}\n\n{MISSING}", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
