"""Typed, composable pipelines for programs that talk to language models.

    answer = generate(LLMRequest(prompt="Why is the sky blue?"))   # an Op: nothing has happened yet
    anyio.run(provide(answer, live()))                             # a Result[LLMResponse, LLMError]

These are the public names, and nothing else. Extraction has its own door, ``llm_manager.extraction``, and so has the
testing kit, ``llm_manager.testing``.

A name is imported when it is first asked for (PEP 562), so that a program pays for what it uses: checkers and readers
find it above, the interpreter below, and a test holds the two lists to each other.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from llm_manager.effect.op import effect as effect  # at once: the room of its name would stand in its place

if TYPE_CHECKING:
    from llm_manager.adapters.config_file import config_from_env as config_from_env
    from llm_manager.adapters.conversations.services import postgres_conversations as postgres_conversations
    from llm_manager.adapters.conversations.services import redis_conversations as redis_conversations
    from llm_manager.adapters.conversations.services import sqlite_conversations as sqlite_conversations
    from llm_manager.adapters.conversations.services import sqlite_url as sqlite_url
    from llm_manager.adapters.journals.memory import memory_journal as memory_journal
    from llm_manager.adapters.journals.sqlite import journal_file as journal_file
    from llm_manager.adapters.prices import priced as priced
    from llm_manager.adapters.redis.services import redis_breakers as redis_breakers
    from llm_manager.adapters.redis.services import redis_budget as redis_budget
    from llm_manager.adapters.redis.services import redis_cache as redis_cache
    from llm_manager.adapters.redis.services import redis_client as redis_client
    from llm_manager.adapters.redis.services import redis_keys as redis_keys
    from llm_manager.adapters.redis.services import redis_limiter as redis_limiter
    from llm_manager.adapters.redis.services import redis_retry_budgets as redis_retry_budgets
    from llm_manager.combinators.budget import within_budget as within_budget
    from llm_manager.combinators.bulkhead import bulkhead as bulkhead
    from llm_manager.combinators.cached import cached as cached
    from llm_manager.combinators.circuit_breaker import circuit_breaker as circuit_breaker
    from llm_manager.combinators.fallback import fallback as fallback
    from llm_manager.combinators.fallback import fallback_on as fallback_on
    from llm_manager.combinators.hedged import hedged as hedged
    from llm_manager.combinators.observed import observed as observed
    from llm_manager.combinators.rate_limit import rate_limit as rate_limit
    from llm_manager.combinators.retry import default_schedule as default_schedule
    from llm_manager.combinators.retry import retry as retry
    from llm_manager.combinators.retry import retry_after as retry_after
    from llm_manager.combinators.retry import transient_only as transient_only
    from llm_manager.combinators.timeout import deadline as deadline
    from llm_manager.combinators.timeout import timeout as timeout
    from llm_manager.domain.catalog import Price as Price
    from llm_manager.domain.codec import from_json as from_json
    from llm_manager.domain.codec import parse_request as parse_request
    from llm_manager.domain.codec import to_json as to_json
    from llm_manager.domain.config import LLMConfig as LLMConfig
    from llm_manager.domain.conversation import ConversationContext as ConversationContext
    from llm_manager.domain.conversation import ConversationSummary as ConversationSummary
    from llm_manager.domain.conversation import ConversationUsage as ConversationUsage
    from llm_manager.domain.conversation import StoredMessage as StoredMessage
    from llm_manager.domain.descriptions import describe as describe
    from llm_manager.domain.errors import AllModelsFailed as AllModelsFailed
    from llm_manager.domain.errors import AuthenticationFailed as AuthenticationFailed
    from llm_manager.domain.errors import BudgetExceeded as BudgetExceeded
    from llm_manager.domain.errors import CircuitOpen as CircuitOpen
    from llm_manager.domain.errors import ConfigurationError as ConfigurationError
    from llm_manager.domain.errors import ContentFiltered as ContentFiltered
    from llm_manager.domain.errors import ContextTooLarge as ContextTooLarge
    from llm_manager.domain.errors import ConversationConflict as ConversationConflict
    from llm_manager.domain.errors import ConversationNotFound as ConversationNotFound
    from llm_manager.domain.errors import ExtractionFailed as ExtractionFailed
    from llm_manager.domain.errors import GatewayError as GatewayError
    from llm_manager.domain.errors import InvalidRequest as InvalidRequest
    from llm_manager.domain.errors import LLMError as LLMError
    from llm_manager.domain.errors import MalformedResponse as MalformedResponse
    from llm_manager.domain.errors import ModelUnavailable as ModelUnavailable
    from llm_manager.domain.errors import NetworkError as NetworkError
    from llm_manager.domain.errors import QuotaExhausted as QuotaExhausted
    from llm_manager.domain.errors import RateLimitExceeded as RateLimitExceeded
    from llm_manager.domain.errors import RequestTimedOut as RequestTimedOut
    from llm_manager.domain.errors import ResponseTruncated as ResponseTruncated
    from llm_manager.domain.errors import SchemaMismatch as SchemaMismatch
    from llm_manager.domain.errors import ServerError as ServerError
    from llm_manager.domain.errors import StoreUnavailable as StoreUnavailable
    from llm_manager.domain.errors import StreamBroken as StreamBroken
    from llm_manager.domain.errors import UnsupportedCapability as UnsupportedCapability
    from llm_manager.domain.outcome import Outcome as Outcome
    from llm_manager.domain.parse_config import parse_config as parse_config
    from llm_manager.domain.plan import PlannedTarget as PlannedTarget
    from llm_manager.domain.plan import RoutePlan as RoutePlan
    from llm_manager.domain.problem import Problem as Problem
    from llm_manager.domain.request import ImagePart as ImagePart
    from llm_manager.domain.request import JsonMode as JsonMode
    from llm_manager.domain.request import JsonSchema as JsonSchema
    from llm_manager.domain.request import LLMRequest as LLMRequest
    from llm_manager.domain.request import Message as Message
    from llm_manager.domain.request import NamedTool as NamedTool
    from llm_manager.domain.request import Preferences as Preferences
    from llm_manager.domain.request import TaskType as TaskType
    from llm_manager.domain.request import TextPart as TextPart
    from llm_manager.domain.request import Tool as Tool
    from llm_manager.domain.request import ToolCall as ToolCall
    from llm_manager.domain.response import Attempt as Attempt
    from llm_manager.domain.response import ComputedCost as ComputedCost
    from llm_manager.domain.response import Cost as Cost
    from llm_manager.domain.response import LLMResponse as LLMResponse
    from llm_manager.domain.response import ReportedCost as ReportedCost
    from llm_manager.domain.response import ResponseMetadata as ResponseMetadata
    from llm_manager.domain.response import UnknownCost as UnknownCost
    from llm_manager.domain.response import Usage as Usage
    from llm_manager.domain.secret import Secret as Secret
    from llm_manager.domain.settings import BreakerSettings as BreakerSettings
    from llm_manager.domain.settings import BudgetSettings as BudgetSettings
    from llm_manager.domain.settings import CacheSettings as CacheSettings
    from llm_manager.domain.settings import ConversationSettings as ConversationSettings
    from llm_manager.domain.settings import HttpSettings as HttpSettings
    from llm_manager.domain.settings import KeySettings as KeySettings
    from llm_manager.domain.settings import LimiterSettings as LimiterSettings
    from llm_manager.domain.settings import ModelSettings as ModelSettings
    from llm_manager.domain.settings import ObserveSettings as ObserveSettings
    from llm_manager.domain.settings import PortkeySettings as PortkeySettings
    from llm_manager.domain.settings import ProviderSettings as ProviderSettings
    from llm_manager.domain.settings import RedisSettings as RedisSettings
    from llm_manager.domain.settings import RetrySettings as RetrySettings
    from llm_manager.domain.settings import RoutingSettings as RoutingSettings
    from llm_manager.domain.settings import TimeoutSettings as TimeoutSettings
    from llm_manager.domain.status import ManagerStatus as ManagerStatus
    from llm_manager.domain.status import MetricsSnapshot as MetricsSnapshot
    from llm_manager.domain.status import ModelHealthStatus as ModelHealthStatus
    from llm_manager.domain.stream import FinalValue as FinalValue
    from llm_manager.domain.stream import PartialValue as PartialValue
    from llm_manager.domain.stream import ReasoningDelta as ReasoningDelta
    from llm_manager.domain.stream import SchemaEvent as SchemaEvent
    from llm_manager.domain.stream import StreamEvent as StreamEvent
    from llm_manager.domain.stream import StreamFailed as StreamFailed
    from llm_manager.domain.stream import StreamFinished as StreamFinished
    from llm_manager.domain.stream import StreamResumed as StreamResumed
    from llm_manager.domain.stream import TextDelta as TextDelta
    from llm_manager.domain.stream import ToolCallDelta as ToolCallDelta
    from llm_manager.domain.tokens import TokenRange as TokenRange
    from llm_manager.domain.verdicts import counts_against_breaker as counts_against_breaker
    from llm_manager.domain.verdicts import is_transient as is_transient
    from llm_manager.domain.verdicts import retry_after_s as retry_after_s
    from llm_manager.effect.concurrent import gather as gather
    from llm_manager.effect.concurrent import settle as settle
    from llm_manager.effect.context import Context as Context
    from llm_manager.effect.context import Op as Op
    from llm_manager.effect.context import Policy as Policy
    from llm_manager.effect.context import through as through
    from llm_manager.effect.do import Do as Do
    from llm_manager.effect.do import do as do
    from llm_manager.effect.layer import Layer as Layer
    from llm_manager.effect.layer import LayerFailed as LayerFailed
    from llm_manager.effect.layer import Program as Program
    from llm_manager.effect.layer import feed as feed
    from llm_manager.effect.layer import map_layer as map_layer
    from llm_manager.effect.layer import merge as merge
    from llm_manager.effect.layer import provide as provide
    from llm_manager.effect.layer import scoped as scoped
    from llm_manager.effect.op import Effect as Effect
    from llm_manager.effect.op import fail as fail
    from llm_manager.effect.op import flat_map as flat_map
    from llm_manager.effect.op import local as local
    from llm_manager.effect.op import map_ as map_
    from llm_manager.effect.op import map_error as map_error
    from llm_manager.effect.op import pipe as pipe
    from llm_manager.effect.op import recover as recover
    from llm_manager.effect.op import run as run
    from llm_manager.effect.op import service as service
    from llm_manager.effect.op import succeed as succeed
    from llm_manager.effect.schedule import Schedule as Schedule
    from llm_manager.effect.schedule import and_then as and_then
    from llm_manager.effect.schedule import both as both
    from llm_manager.effect.schedule import capped as capped
    from llm_manager.effect.schedule import either as either
    from llm_manager.effect.schedule import exponential as exponential
    from llm_manager.effect.schedule import jittered as jittered
    from llm_manager.effect.schedule import recurs as recurs
    from llm_manager.effect.schedule import spaced as spaced
    from llm_manager.effect.schedule import up_to as up_to
    from llm_manager.effect.schedule import while_input as while_input
    from llm_manager.effect.scope import Scope as Scope
    from llm_manager.effect.scope import acquire_use_release as acquire_use_release
    from llm_manager.effect.stream import Stream as Stream
    from llm_manager.layers import custom as custom
    from llm_manager.layers import dev as dev
    from llm_manager.layers import listening as listening
    from llm_manager.layers import live as live
    from llm_manager.layers import otel_observer as otel_observer
    from llm_manager.layers import replacing as replacing
    from llm_manager.operations.batch import Batch as Batch
    from llm_manager.operations.batch import JournalLayer as JournalLayer
    from llm_manager.operations.batch import batch as batch
    from llm_manager.operations.conversation import continue_conversation as continue_conversation
    from llm_manager.operations.conversation import continue_conversation_stream as continue_conversation_stream
    from llm_manager.operations.conversation import delete_conversation as delete_conversation
    from llm_manager.operations.conversation import fork_conversation as fork_conversation
    from llm_manager.operations.conversation import get_conversation as get_conversation
    from llm_manager.operations.conversation import list_conversations as list_conversations
    from llm_manager.operations.conversation import start_conversation as start_conversation
    from llm_manager.operations.generate import generate as generate
    from llm_manager.operations.generate import route_request as route_request
    from llm_manager.operations.health import get_metrics as get_metrics
    from llm_manager.operations.health import get_model_health as get_model_health
    from llm_manager.operations.health import get_status as get_status
    from llm_manager.operations.health import is_healthy as is_healthy
    from llm_manager.operations.health import reset_metrics as reset_metrics
    from llm_manager.operations.health import warmup_models as warmup_models
    from llm_manager.operations.many import query_multiple as query_multiple
    from llm_manager.operations.many import race as race
    from llm_manager.operations.plan import get_available_models as get_available_models
    from llm_manager.operations.plan import get_fallback_chain as get_fallback_chain
    from llm_manager.operations.plan import plan as plan
    from llm_manager.operations.plan import select_model as select_model
    from llm_manager.operations.plan import validate_config as validate_config
    from llm_manager.operations.schema import query_with_schema as query_with_schema
    from llm_manager.operations.schema_stream import SchemaStream as SchemaStream
    from llm_manager.operations.schema_stream import stream_with_schema as stream_with_schema
    from llm_manager.operations.stream import LLMStream as LLMStream
    from llm_manager.operations.stream import collect as collect
    from llm_manager.operations.stream import generate_stream as generate_stream
    from llm_manager.operations.stream import texts as texts
    from llm_manager.operations.vendor_batch import VendorBatchStream as VendorBatchStream
    from llm_manager.operations.vendor_batch import batch_at_vendor as batch_at_vendor
    from llm_manager.policies.token_estimate import token_range as token_range

    __version__: str

_NAMES_OF = {
    "adapters.config_file": "config_from_env",
    "adapters.conversations.services": "postgres_conversations redis_conversations sqlite_conversations sqlite_url",
    "adapters.journals.memory": "memory_journal",
    "adapters.journals.sqlite": "journal_file",
    "adapters.prices": "priced",
    "adapters.redis.services": (
        "redis_breakers redis_budget redis_cache redis_client redis_keys redis_limiter redis_retry_budgets"
    ),
    "combinators.budget": "within_budget",
    "combinators.bulkhead": "bulkhead",
    "combinators.cached": "cached",
    "combinators.circuit_breaker": "circuit_breaker",
    "combinators.fallback": "fallback fallback_on",
    "combinators.hedged": "hedged",
    "combinators.observed": "observed",
    "combinators.rate_limit": "rate_limit",
    "combinators.retry": "default_schedule retry retry_after transient_only",
    "combinators.timeout": "deadline timeout",
    "domain.catalog": "Price",
    "domain.codec": "from_json parse_request to_json",
    "domain.config": "LLMConfig",
    "domain.conversation": "ConversationContext ConversationSummary ConversationUsage StoredMessage",
    "domain.errors": (
        "AllModelsFailed AuthenticationFailed BudgetExceeded CircuitOpen ConfigurationError ContentFiltered "
        "ContextTooLarge ConversationConflict ConversationNotFound ExtractionFailed GatewayError "
        "InvalidRequest LLMError MalformedResponse ModelUnavailable NetworkError QuotaExhausted "
        "RateLimitExceeded RequestTimedOut ResponseTruncated SchemaMismatch ServerError StoreUnavailable "
        "StreamBroken UnsupportedCapability"
    ),
    "domain.outcome": "Outcome",
    "domain.parse_config": "parse_config",
    "domain.plan": "PlannedTarget RoutePlan",
    "domain.problem": "Problem",
    "domain.request": (
        "ImagePart JsonMode JsonSchema LLMRequest Message NamedTool Preferences TaskType TextPart Tool ToolCall"
    ),
    "domain.response": "Attempt ComputedCost Cost LLMResponse ReportedCost ResponseMetadata UnknownCost Usage",
    "domain.secret": "Secret",
    "domain.settings": (
        "BreakerSettings BudgetSettings CacheSettings ConversationSettings HttpSettings KeySettings "
        "LimiterSettings ModelSettings ObserveSettings PortkeySettings ProviderSettings RedisSettings RetrySettings "
        "RoutingSettings TimeoutSettings"
    ),
    "domain.status": "ManagerStatus MetricsSnapshot ModelHealthStatus",
    "domain.stream": (
        "FinalValue PartialValue ReasoningDelta SchemaEvent StreamEvent StreamFailed StreamFinished "
        "StreamResumed TextDelta ToolCallDelta"
    ),
    "domain.tokens": "TokenRange",
    "domain.descriptions": "describe",
    "domain.verdicts": "counts_against_breaker is_transient retry_after_s",
    "effect.concurrent": "gather settle",
    "effect.context": "Context Op Policy through",
    "effect.do": "Do do",
    "effect.layer": "Layer LayerFailed Program feed map_layer merge provide scoped",
    "effect.op": "Effect fail flat_map local map_ map_error pipe recover run service succeed",
    "effect.schedule": "Schedule and_then both capped either exponential jittered recurs spaced up_to while_input",
    "effect.scope": "Scope acquire_use_release",
    "effect.stream": "Stream",
    "layers": "custom dev listening live otel_observer replacing",
    "operations.batch": "Batch JournalLayer batch",
    "operations.conversation": (
        "continue_conversation continue_conversation_stream delete_conversation fork_conversation "
        "get_conversation list_conversations start_conversation"
    ),
    "operations.generate": "generate route_request",
    "operations.health": "get_metrics get_model_health get_status is_healthy reset_metrics warmup_models",
    "operations.many": "query_multiple race",
    "operations.plan": "get_available_models get_fallback_chain plan select_model validate_config",
    "operations.schema": "query_with_schema",
    "operations.schema_stream": "SchemaStream stream_with_schema",
    "operations.stream": "LLMStream collect generate_stream texts",
    "operations.vendor_batch": "VendorBatchStream batch_at_vendor",
    "policies.token_estimate": "token_range",
}
_HOME_OF = {name: f"llm_manager.{module}" for module, names in _NAMES_OF.items() for name in names.split()}


def _fetched(name: str) -> object:
    """A public name, fetched from its home; or ``__version__``, read from what is installed."""
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - reading it takes longer than all else

        return version("llm-manager")
    if name not in _HOME_OF:
        message = f"module 'llm_manager' has no attribute {name!r}"
        raise AttributeError(message)
    found: object = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = found  # the next time it is found without coming here
    return found


def _listed() -> list[str]:
    return sorted({*_HOME_OF, "effect", "__version__"})


if not TYPE_CHECKING:  # a checker that saw these would take any misspelt name for a public one
    __all__ = [*_HOME_OF, "effect"]  # noqa: PLE0604 - they are strings
    __getattr__ = _fetched
    __dir__ = _listed
