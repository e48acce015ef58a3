"""A loopback server that plays the vendors: their wires as their own SDKs accept them, and every fault on demand.

    async with Simulator() as simulator:
        simulator.script("gpt-4o", [Status(503), Say("It scatters.")])
        config = LLMConfig(http=HttpSettings(base_urls={"openai": f"{simulator.url}/v1"}), ...)

The rule of this room: it shares no code with the dialects, or it would mirror their mistakes. What it says is plain
data; to add a wire, write its module under ``wires``; to add a fault, add a row to ``faults``.
"""

from llm_manager.testing.simulator.replies import CallTools, Fault, Reply, Say, Status
from llm_manager.testing.simulator.server import Received, Simulator

__all__ = ["CallTools", "Fault", "Received", "Reply", "Say", "Simulator", "Status"]
