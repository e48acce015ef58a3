"""What a call and a piece of a stream cost over a real socket, beside the bare transports and other libraries.

CPU time on asyncio, of each client in a process of its own; the server is one more. In every round each client has its
turn. A peer that is not installed is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from importlib.util import find_spec

from benchmarks.clients import CLIENTS, Process, started
from benchmarks.row import Row, row
from benchmarks.server import CHUNKS, serving

ROUNDS = 7
PIECE = {"openai": 0.10, "litellm": 0.02}
"""What a piece of a stream may cost beside a peer's."""

PEERS = ("openai", "litellm", "instructor", "pydantic_ai")
VALUES = ("generate", "generate, fast", "instructor", "pydantic_ai")
"""Who is asked for values of a type; of the peers ``instructor`` is asked for nothing else."""


def _each(clients: Mapping[str, Process], job: str, *numbers: int) -> dict[str, list[float]]:
    """The first figure of *job* for every client, round by round; the first round warms up."""
    figures: dict[str, list[float]] = {name: [] for name in clients}
    for round_ in range(ROUNDS + 1):
        for name, client in clients.items():
            figure = client.did(job, *numbers)[0]
            if round_:
                figures[name].append(figure)
    return figures


def _measured(clients: Mapping[str, Process]) -> list[Row]:
    callers = {name: client for name, client in clients.items() if name != "instructor"}
    one = _each(callers, "call", 100, 1)
    hundred = _each(callers, "call", 300, 100)
    crowd = _each({name: clients[name] for name in ("generate, fast", "aiohttp")}, "call", 1_000, 500)
    streamed = _each({name: each for name, each in callers.items() if name != "pydantic_ai"}, "stream", 10, 1)
    values = _each({name: clients[name] for name in VALUES if name in clients}, "value", 100, 1)
    chunks = {name: [figure / CHUNKS for figure in figures] for name, figures in streamed.items()}
    crowded = {**crowd, "itself at 100": hundred["generate, fast"]}
    return [
        *_beside("one at a time", one, "generate", {"httpx2": 1.3, "openai": 0.5, "litellm": 0.25}),
        *_beside("100 at once", hundred, "generate, fast", {"aiohttp": 2.5, "openai": 0.15, "litellm": 0.10}),
        *_beside("500 at once", crowded, "generate, fast", {"itself at 100": 1.2}),
        *_beside("a piece of a stream", chunks, "generate", PIECE),
        *_ratios("a piece of a stream", chunks, "generate, fast", PIECE),
        *_beside("a value of a type", values, "generate", {"instructor": None, "pydantic_ai": None}),
    ]


def _beside(what: str, figures: Mapping[str, list[float]], ours: str, most: Mapping[str, float | None]) -> list[Row]:
    """Ours beside each peer with the most that the ratio may be, if a target says so; then a line for every client."""
    lines = [row(f"{what}: {name}", "us", each) for name, each in figures.items() if name != ours]
    return [*_ratios(what, figures, ours, most), *lines]


def _ratios(what: str, figures: Mapping[str, list[float]], ours: str, most: Mapping[str, float | None]) -> list[Row]:
    """Ours beside those of the peers that there are."""
    return [
        row(f"{what}: {ours}", "us", figures[ours], peer=row(f"{what}: {peer}", "us", figures[peer]), most=limit)
        for peer, limit in most.items()
        if peer in figures
    ]


def rows() -> list[Row]:
    """All of them."""
    names = [name for name in CLIENTS if name not in PEERS or find_spec(name) is not None]
    with serving() as url, ExitStack() as stack:
        return _measured({name: stack.enter_context(started(name, url)) for name in names})
