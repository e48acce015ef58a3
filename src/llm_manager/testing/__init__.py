"""The testing kit: models that read a script, time that stands still, runs that are recorded and played back, a server
that plays the vendors, and whole days of traffic and faults."""

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
from llm_manager.testing.tape.content import Difference as Difference
from llm_manager.testing.tape.file import RecordingStopped as RecordingStopped
from llm_manager.testing.tape.file import RecordingUnusable as RecordingUnusable
from llm_manager.testing.tape.record import record as record
from llm_manager.testing.tape.replay import ReplayDiffers as ReplayDiffers
from llm_manager.testing.tape.replay import replay as replay
from llm_manager.testing.tape.script import LeftOver as LeftOver
from llm_manager.testing.tape.script import NotRecorded as NotRecorded
from llm_manager.testing.turns import run_in_turns as run_in_turns
