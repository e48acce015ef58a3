"""The testing kit: models that read a script, time that stands still, a server that plays the vendors, and whole days
of traffic and faults."""

from llm_manager.testing.clock import VirtualClock as VirtualClock
from llm_manager.testing.scripted import Line as Line
from llm_manager.testing.scripted import Pause as Pause
from llm_manager.testing.scripted import Pieces as Pieces
from llm_manager.testing.scripted import ScriptedProvider as ScriptedProvider
from llm_manager.testing.scripted import scripted as scripted
from llm_manager.testing.simulation import Report as Report
from llm_manager.testing.simulation import Scenario as Scenario
from llm_manager.testing.simulation import simulate as simulate
from llm_manager.testing.simulator import Simulator as Simulator
