"""The one picture of the results: what a call costs with each client, as an SVG that needs nothing to be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.row import Row

BARS = {
    "one at a time": "one at a time",
    "100 at once": "100 at once",
    "a value of a type": "a value of a type, one at a time",
}
"""The first words of the rows that are drawn, and what a reader is told of them."""

CLIENTS = {
    "aiohttp": "aiohttp, bare",
    "httpx2": "httpx2, bare",
    "generate, fast": "llm_manager on aiohttp",
    "generate": "llm_manager",
    "openai": "openai",
    "litellm": "litellm",
    "instructor": "instructor",
    "pydantic_ai": "pydantic-ai",
}

WIDTH, LABELS, FIGURES, LINE, GAP = 760, 190, 90, 24, 34
OURS, BARE, OTHERS = "#0b7285", "#adb5bd", "#e8a33d"
"""Told apart by lightness too, for those who see no colours."""


@dataclass(frozen=True, slots=True)
class _Bar:
    client: str
    us: float


def chart(rows: Sequence[Row]) -> str:
    """The bars of *rows*, one group under the other on one scale: CPU microseconds a call, so shorter is better."""
    groups = {said: _bars(rows, what) for what, said in BARS.items()}
    groups = {said: bars for said, bars in groups.items() if bars}
    longest = max((bar.us for bars in groups.values() for bar in bars), default=1.0)
    drawn: list[str] = []
    top = 56
    for said, bars in groups.items():
        drawn.append(_text(8, top, said, "bold"))
        for number, bar in enumerate(bars, 1):
            drawn.append(_drawn(bar, top + number * LINE, longest))
        top += (len(bars) + 1) * LINE + GAP - LINE
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" font-family="sans-serif" font-size="14">'
    )
    title = "CPU time of one call to a loopback server, in microseconds: shorter is better"
    paper = f'<rect width="{WIDTH}" height="{top}" fill="white"/>'
    return "\n".join([head, f"<title>{title}</title>", paper, _text(8, 20, title, "bold"), *drawn, "</svg>", ""])


def _bars(rows: Sequence[Row], what: str) -> list[_Bar]:
    """One for each client that has a row, cheapest first. A client with several ratios has several rows alike."""
    us = {row.name.removeprefix(f"{what}: "): row.median for row in rows if row.name.startswith(f"{what}: ")}
    return sorted((_Bar(client, us[client]) for client in CLIENTS if client in us), key=lambda bar: bar.us)


def _drawn(bar: _Bar, y: int, longest: float) -> str:
    length = bar.us / longest * (WIDTH - LABELS - FIGURES)
    colour = OURS if bar.client.startswith("generate") else BARE if bar.client in ("aiohttp", "httpx2") else OTHERS
    label = _text(LABELS - 8, y, CLIENTS[bar.client], anchor="end")
    figure = _text(LABELS + length + 6, y, f"{bar.us:,.0f}")
    return f'{label}<rect x="{LABELS}" y="{y - 12}" width="{length:.1f}" height="16" fill="{colour}"/>{figure}'


def _text(x: float, y: int, said: str, weight: str = "normal", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y}" font-weight="{weight}" text-anchor="{anchor}">{escape(said)}</text>'
