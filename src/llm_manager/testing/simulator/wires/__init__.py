"""The wires the simulator speaks, one module each; `WIRES` is asked in order whose path a request names."""

from llm_manager.testing.simulator.wires import openai
from llm_manager.testing.simulator.wires.wire import Wire

WIRES: tuple[Wire, ...] = (openai.WIRE,)
