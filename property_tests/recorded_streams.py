"""Streams as the simulator and others write them, and how the reader of a dialect reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from returns.result import Failure

from llm_manager.adapters.dialects import anthropic, gemini, ollama, openai
from llm_manager.adapters.dialects.dialect import Dialect
from llm_manager.adapters.frames import Events, Texts
from llm_manager.domain.catalog import PROVIDERS, ModelFacts
from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.stream import Delta
from llm_manager.domain.target import Target
from llm_manager.testing.simulator import CallTools, Say
from llm_manager.testing.simulator.asked import Asked
from llm_manager.testing.simulator.replies import Answered
from llm_manager.testing.simulator.wires import anthropic as anthropic_wire
from llm_manager.testing.simulator.wires import gemini as gemini_wire
from llm_manager.testing.simulator.wires import groq as groq_wire
from llm_manager.testing.simulator.wires import ollama as ollama_wire
from llm_manager.testing.simulator.wires import openai as openai_wire
from llm_manager.testing.simulator.wires.wire import Wire

WIRES: Mapping[str, tuple[Dialect, Wire]] = {
    "openai": (openai.DIALECT, openai_wire.WIRE),
    "groq": (openai.DIALECT, groq_wire.WIRE),
    "anthropic": (anthropic.DIALECT, anthropic_wire.WIRE),
    "gemini": (gemini.DIALECT, gemini_wire.WIRE),
    "ollama": (ollama.DIALECT, ollama_wire.WIRE),
}

ANSWERS: Mapping[str, Answered] = {
    "text": Say("Grüße, 世界 😀: it scatters.", cached_tokens=3),
    "reasoning": Say("Blue.", reasoning="Rayleigh, I think."),
    "tools": CallTools([("look", {"at": "sky"}), ("look", {"at": "sea"})]),
    "cut off": Say("It scatt", finish="length"),
}


def recorded(wire: Wire, reply: Answered) -> bytes:
    """A stream as it comes over the wire."""
    asked = Asked(model="m", last_text="hi", streamed=True, usage_streamed=True)
    return b"".join(wire.events(asked, reply, 1))


STREAMS = {
    (name, answer): recorded(wire, reply) for name, (_, wire) in WIRES.items() for answer, reply in ANSWERS.items()
}
STREAMS["openai", "refusal"] = recorded(openai_wire.WIRE, Say("I cannot.", refusal=True))
STREAMS["anthropic", "refusal"] = recorded(anthropic_wire.WIRE, Say("I cannot.", refusal=True))
STREAMS["openai", "comments and CRLF"] = (
    recorded(openai_wire.WIRE, Say("one two")).replace(b"\n", b"\r\n").replace(b"data: [", b": ping\r\n\r\ndata: [")
)

Read = tuple[list[Delta], Outcome[LLMResponse, LLMError]]


def target(name: str) -> Target:
    provider = PROVIDERS[name]
    facts = ModelFacts(name="m", provider=name)
    return Target(model="m", provider=provider, facts=facts, service=name, base_url="", key="k")


def read(name: str, chunks: Sequence[bytes]) -> Read:
    """What comes of *chunks* and then the end of the body."""
    dialect = WIRES[name][0]
    frames = (Events if dialect.framing == "sse" else Texts)(1_000_000)
    reader = dialect.reader({"x-request-id": "req_1"}, target(name))
    deltas: list[Delta] = []
    for chunk in chunks:
        for frame in frames.feed(chunk) or ():
            got = reader.read(frame)
            if isinstance(got, Failure):
                return deltas, got
            deltas.extend(got.unwrap())
            if reader.finished:
                return deltas, reader.end()
    return deltas, reader.end()
