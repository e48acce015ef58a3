"""A loopback server that plays the vendors: their wires as their own SDKs accept them, and every fault on demand.

    async with Simulator() as simulator:
        simulator.script("gpt-4o", [Status(503), Say("It scatters.")])
        config = LLMConfig(http=HttpSettings(base_urls={"openai": f"{simulator.url}/v1"}), ...)

The rule of this room: it shares no code with the dialects, or it would mirror their mistakes; the vendors' own SDKs and
Portkey's own gateway are its judges. What it does next is plain data (`replies`). From a request to the socket:

    server -> exchange -> [wires.portkey] -> a wire reads what is asked -> script or default reply
           -> the wire writes it, or a fault breaks it -> play -> server

To add a wire, write its module under ``wires``; to add a fault, add its name to `FaultKind` and its row to ``faults``.
It needs the extra ``testing``.
"""

from llm_manager.testing.simulator.batches import Course
from llm_manager.testing.simulator.faults import FAULTS
from llm_manager.testing.simulator.received import Received
from llm_manager.testing.simulator.replies import RETRY_AFTER, CallTools, Fault, FaultKind, Reply, Say, Status
from llm_manager.testing.simulator.server import Simulator, refused_url

__all__ = [
    "FAULTS",
    "RETRY_AFTER",
    "CallTools",
    "Course",
    "Fault",
    "FaultKind",
    "Received",
    "Reply",
    "Say",
    "Simulator",
    "Status",
    "refused_url",
]
