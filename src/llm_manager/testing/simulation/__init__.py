"""What if: a day of traffic and faults, played against a configuration in a second. Begin at ``simulate``.

A scenario says who calls and how the models behave, the stage sets it against a configuration, the weather decides what
each try meets, a player stands in for the provider, and a tally folds what happens into the report.

The rule of this room: nothing here decides anything that the library decides; it only plays the world around it, and
all of that follows from the seed. To add a fault, see :mod:`.scenario`; to add a figure, a field in :mod:`.report` and
what counts it in :mod:`.tally`.
"""

from llm_manager.testing.simulation.play import Listener as Listener
from llm_manager.testing.simulation.play import simulate as simulate
from llm_manager.testing.simulation.problems import scenario_problems as scenario_problems
from llm_manager.testing.simulation.report import SLOTS as SLOTS
from llm_manager.testing.simulation.report import ModelReport as ModelReport
from llm_manager.testing.simulation.report import Opening as Opening
from llm_manager.testing.simulation.report import Quantiles as Quantiles
from llm_manager.testing.simulation.report import Report as Report
from llm_manager.testing.simulation.scenario import Behaviour as Behaviour
from llm_manager.testing.simulation.scenario import Broken as Broken
from llm_manager.testing.simulation.scenario import Burst as Burst
from llm_manager.testing.simulation.scenario import Errors as Errors
from llm_manager.testing.simulation.scenario import Fault as Fault
from llm_manager.testing.simulation.scenario import Hang as Hang
from llm_manager.testing.simulation.scenario import Outage as Outage
from llm_manager.testing.simulation.scenario import RateLimit as RateLimit
from llm_manager.testing.simulation.scenario import Scenario as Scenario
from llm_manager.testing.simulation.scenario import Slow as Slow
from llm_manager.testing.simulation.scenario import Steady as Steady
from llm_manager.testing.simulation.scenario import Traffic as Traffic
from llm_manager.testing.simulation.scenario_file import parse_scenario as parse_scenario
from llm_manager.testing.simulation.scenario_file import read_scenario as read_scenario
from llm_manager.testing.simulation.tally import Happening as Happening
from llm_manager.testing.simulation.trace import trace_line as trace_line
from llm_manager.testing.simulation.watch import BreakerMoved as BreakerMoved
from llm_manager.testing.simulation.watch import CallRefused as CallRefused
from llm_manager.testing.simulation.watch import Queued as Queued
