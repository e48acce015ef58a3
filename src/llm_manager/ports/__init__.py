"""What the pure wing asks of the world, as Protocols of few methods, a file for each kind.

Every service reaches a pipeline through its context; an adapter fulfils a port, a test fulfils it with a few lines.
To add a kind of service, write its Protocol here and give :class:`~llm_manager.effect.context.Context` a field.
"""

from llm_manager.ports.clock import Clock as Clock
from llm_manager.ports.clock import Random as Random
from llm_manager.ports.clock import Splitting as Splitting
from llm_manager.ports.clock import Turning as Turning
from llm_manager.ports.keys import Keys as Keys
from llm_manager.ports.keys import Lease as Lease
from llm_manager.ports.keys import RecoverableKeys as RecoverableKeys
from llm_manager.ports.limits import Breakers as Breakers
from llm_manager.ports.limits import Budget as Budget
from llm_manager.ports.limits import Calibrations as Calibrations
from llm_manager.ports.limits import EarlyProbes as EarlyProbes
from llm_manager.ports.limits import Flights as Flights
from llm_manager.ports.limits import Flown as Flown
from llm_manager.ports.limits import Latencies as Latencies
from llm_manager.ports.limits import Limiter as Limiter
from llm_manager.ports.limits import Permit as Permit
from llm_manager.ports.limits import Places as Places
from llm_manager.ports.limits import Reservation as Reservation
from llm_manager.ports.limits import RetryBudgets as RetryBudgets
from llm_manager.ports.limits import Verdict as Verdict
from llm_manager.ports.observing import Discreet as Discreet
from llm_manager.ports.observing import Metrics as Metrics
from llm_manager.ports.observing import MetricsStore as MetricsStore
from llm_manager.ports.observing import Observer as Observer
from llm_manager.ports.observing import Tracing as Tracing
from llm_manager.ports.providers import BatchProvider as BatchProvider
from llm_manager.ports.providers import BatchResults as BatchResults
from llm_manager.ports.providers import Dispatch as Dispatch
from llm_manager.ports.providers import Incoming as Incoming
from llm_manager.ports.providers import Provider as Provider
from llm_manager.ports.providers import Surrounding as Surrounding
from llm_manager.ports.stores import Cache as Cache
from llm_manager.ports.stores import Cached as Cached
from llm_manager.ports.stores import ConversationStore as ConversationStore
from llm_manager.ports.stores import Journal as Journal
from llm_manager.ports.stores import Work as Work
