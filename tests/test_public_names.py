"""The front door: what it opens to, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import get_origin

import pytest

import llm_manager
import llm_manager.compat
import llm_manager.extraction
import llm_manager.templates
import llm_manager.testing

CONTRACT = (
    "LLMRequest",
    "TaskType",
    "Preferences",
    "Message",
    "TextPart",
    "ImagePart",
    "Tool",
    "ToolCall",
    "NamedTool",
    "JsonMode",
    "JsonSchema",
    "LLMResponse",
    "Usage",
    "Cost",
    "ReportedCost",
    "ComputedCost",
    "hedged",
    "bulkhead",
    "within_budget",
    "BudgetSettings",
    "UnknownCost",
    "ResponseMetadata",
    "Attempt",
    "RoutePlan",
    "PlannedTarget",
    "TokenRange",
    "token_range",
    "ModelHealthStatus",
    "ManagerStatus",
    "MetricsSnapshot",
    "Problem",
    "Secret",
    "LLMConfig",
    "parse_request",
    "parse_config",
    "config_from_env",
    "to_json",
    "from_json",
    "LLMError",
    "ModelUnavailable",
    "RateLimitExceeded",
    "QuotaExhausted",
    "InvalidRequest",
    "AuthenticationFailed",
    "RequestTimedOut",
    "ContextTooLarge",
    "NetworkError",
    "ServerError",
    "GatewayError",
    "MalformedResponse",
    "ContentFiltered",
    "CircuitOpen",
    "StreamBroken",
    "ExtractionFailed",
    "SchemaMismatch",
    "ResponseTruncated",
    "UnsupportedCapability",
    "AllModelsFailed",
    "BudgetExceeded",
    "ConversationNotFound",
    "ConversationConflict",
    "StoreUnavailable",
    "ConfigurationError",
    "is_transient",
    "retry_after_s",
    "counts_against_breaker",
    "describe",
    "Op",
    "Context",
    "Effect",
    "Outcome",
    "Policy",
    "Layer",
    "LayerFailed",
    "Program",
    "feed",
    "map_layer",
    "merge",
    "scoped",
    "local",
    "Scope",
    "run",
    "provide",
    "live",
    "dev",
    "custom",
    "replacing",
    "listening",
    "Price",
    "priced",
    "otel_observer",
    "generate",
    "query_with_schema",
    "generate_stream",
    "stream_with_schema",
    "LLMStream",
    "SchemaStream",
    "texts",
    "collect",
    "Stream",
    "StreamEvent",
    "TextDelta",
    "ReasoningDelta",
    "ToolCallDelta",
    "StreamResumed",
    "StreamFinished",
    "StreamFailed",
    "SchemaEvent",
    "PartialValue",
    "FinalValue",
    "query_multiple",
    "race",
    "plan",
    "select_model",
    "route_request",
    "get_fallback_chain",
    "get_available_models",
    "get_model_health",
    "warmup_models",
    "is_healthy",
    "get_status",
    "get_metrics",
    "reset_metrics",
    "validate_config",
    "retry",
    "timeout",
    "deadline",
    "fallback",
    "fallback_on",
    "recover",
    "circuit_breaker",
    "rate_limit",
    "cached",
    "observed",
    "gather",
    "settle",
    "through",
    "pipe",
    "Schedule",
    "exponential",
    "spaced",
    "recurs",
    "jittered",
    "up_to",
    "while_input",
    "capped",
    "retry_after",
    "transient_only",
    "both",
    "either",
    "and_then",
    "default_schedule",
    "effect",
    "succeed",
    "fail",
    "service",
    "map_",
    "map_error",
    "flat_map",
    "do",
    "Do",
    "acquire_use_release",
    "batch",
    "Batch",
    "batch_at_vendor",
    "VendorBatchStream",
    "JournalLayer",
    "journal_file",
    "memory_journal",
    "postgres_conversations",
    "redis_conversations",
    "sqlite_conversations",
    "sqlite_url",
    "ConversationContext",
    "ConversationSummary",
    "ConversationUsage",
    "StoredMessage",
    "ConversationSettings",
    "continue_conversation",
    "continue_conversation_stream",
    "delete_conversation",
    "fork_conversation",
    "get_conversation",
    "list_conversations",
    "start_conversation",
    "redis_client",
    "redis_cache",
    "redis_limiter",
    "redis_breakers",
    "redis_keys",
    "redis_budget",
    "redis_retry_budgets",
    "BreakerSettings",
    "CacheSettings",
    "HttpSettings",
    "KeySettings",
    "LimiterSettings",
    "ModelSettings",
    "ObserveSettings",
    "PortkeySettings",
    "ProviderSettings",
    "RedisSettings",
    "RetrySettings",
    "RoutingSettings",
    "TimeoutSettings",
)


def public(module: object) -> set[str]:
    return {name for name in dir(module) if not name.startswith("_")}


def test_the_front_door_opens_to_the_contract_and_nothing_else() -> None:
    assert public(llm_manager) == set(CONTRACT)
    assert [name for name in CONTRACT if getattr(llm_manager, name) is None] == []


def test_what_checkers_read_at_the_front_door_is_what_the_interpreter_finds() -> None:
    written = Path(llm_manager.__file__).read_text(encoding="utf-8")
    read = re.findall(r"^ *from (llm_manager\.\S+) import (\w+) as (\w+)(?:  # .*)?$", written, re.MULTILINE)
    assert sorted(name for _, name, _ in read) == sorted(CONTRACT)
    for home, name, alias in read:
        assert alias == name
        assert getattr(llm_manager, name) is getattr(import_module(home), name)


def test_a_program_pays_for_the_rooms_it_enters() -> None:
    program = "import llm_manager, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert not {"llm_manager.domain.errors", "llm_manager.operations", "llm_manager.layers"} & set(done.stdout.split())


def test_every_public_thing_says_what_it_means() -> None:
    things = {name: getattr(llm_manager, name) for name in CONTRACT}
    own = {
        name: thing
        for name, thing in things.items()
        if str(getattr(thing, "__module__", "")).startswith("llm_manager") and get_origin(thing) is None
    }
    assert len(own) > 100
    assert [name for name, thing in own.items() if not thing.__doc__] == []


def test_the_version_is_the_one_of_the_package() -> None:
    text = (Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{llm_manager.__version__}"' in text
    with pytest.raises(AttributeError):
        getattr(llm_manager, "no_such_name")  # noqa: B009 - checkers know that there is none


def test_the_change_log_knows_this_version() -> None:
    text = (Path(__file__).parent.parent / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## .*{re.escape(llm_manager.__version__)}", text, re.MULTILINE)


def test_the_other_doors() -> None:
    assert {"extract_json", "extract_all", "recover_json", "extract_with_schema", "PartialJson"} <= public(
        llm_manager.extraction
    )
    assert {"scripted", "VirtualClock", "Simulator", "record", "replay", "simulate", "Scenario", "Report"} <= public(
        llm_manager.testing
    )
    assert llm_manager.compat.__all__ == ["request_from_openai"]


TEMPLATES = {
    "ANOMALY_ANALYSIS",
    "AnomalyAnalysis",
    "AnomalyInput",
    "COMPONENT_GENERATION",
    "ComponentGeneration",
    "ComponentInput",
    "Dependency",
    "DetectedAnomaly",
    "Evidence",
    "Meaning",
    "PromptTemplate",
    "Prop",
    "READY_MADE",
    "RecommendedAction",
    "SchemaTemplate",
    "TemplateLibrary",
    "Values",
    "Variable",
    "ask",
    "library",
    "load_package_templates",
    "load_templates",
    "parse_template",
    "query_template",
    "template",
    "template_from_file",
}


def test_the_door_to_templates_opens_to_its_names_and_each_says_what_it_means() -> None:
    assert public(llm_manager.templates) == TEMPLATES
    assert [name for name in TEMPLATES if not getattr(llm_manager.templates, name).__doc__] == []
