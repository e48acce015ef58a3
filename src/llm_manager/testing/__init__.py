"""The testing kit: models that read a script, time that stands still, and a server that plays the vendors."""

from llm_manager.testing.clock import VirtualClock as VirtualClock
from llm_manager.testing.scripted import Line as Line
from llm_manager.testing.scripted import Pause as Pause
from llm_manager.testing.scripted import Pieces as Pieces
from llm_manager.testing.scripted import ScriptedProvider as ScriptedProvider
from llm_manager.testing.scripted import scripted as scripted
from llm_manager.testing.simulator import Simulator as Simulator
