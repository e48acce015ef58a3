"""The wires the simulator speaks, one module each; `WIRES` is asked in order whose request it is."""

from llm_manager.testing.simulator.wires import anthropic, gemini, groq, ollama, openai
from llm_manager.testing.simulator.wires.wire import Wire

WIRES: tuple[Wire, ...] = (
    anthropic.WIRE,
    gemini.LIST_WIRE,
    gemini.WIRE,
    ollama.WIRE,
    groq.WIRE,
    openai.WIRE,
)
