"""The tables of ``docs/reference/providers.md``, made of what the tests hold the providers to and of the catalog."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType

from llm_manager.domain.catalog import PROVIDERS as CATALOG
from llm_manager.domain.catalog import ProviderFacts
from tests.providers.checks import FEATURES
from tests.providers.providers import NONE, PROVIDERS
from tests.real import test_llama_cpp

LLAMA_CPP: Mapping[str, str] = {
    "text": "test_a_local_model_answers_and_says_what_it_used",
    "stream": "test_a_local_model_streams_its_answer_token_by_token",
    "JSON mode": "test_json_mode_is_a_grammar_the_sampler_cannot_leave",
    "JSON schema": "test_a_local_model_cannot_leave_the_schema",
    "usage": "test_a_local_model_answers_and_says_what_it_used",
    "errors": "test_what_is_wrong_with_a_file_is_told_with_what_to_do",
    "model list": "test_a_model_is_loaded_once_and_unloaded_with_its_layer",
}
"""The cells of llama.cpp are tests of their own, on a real file."""

REASONS: Mapping[tuple[str, str], str] = {
    **NONE,
    ("llama.cpp", "tools"): "not passed on to the engine",
    ("llama.cpp", "images"): "not passed on to the engine",
    ("Anthropic", "JSON mode"): "tested, in words: the vendor has none without a schema",
    ("LM Studio", "JSON mode"): "tested, in words: the vendor has none without a schema",
    ("Ollama", "tools"): "tested; that one must be called is refused: the vendor has no words for it",
    ("Ollama", "images"): "tested, as bytes: the vendor fetches none",
    ("LM Studio", "images"): "tested, as bytes: the vendor fetches none",
    ("Ollama", "usage"): "tested: prompt and answer; the vendor tells no more",
}


def features_table() -> str:
    """A line a provider, a column a feature; what is not simply a test says why."""
    rows = [(name, *(_cell(name, feature) for feature in FEATURES)) for name in (*PROVIDERS, "llama.cpp")]
    return _table(("", *FEATURES), rows)


def notes() -> str:
    """The reasons, numbered as the table refers to them."""
    return "\n".join(f"{number}. {reason}" for number, reason in enumerate(_numbered(), start=1))


def catalog_table() -> str:
    """What each provider is configured with, and what its wire has no words for."""
    rows = [
        (
            row.name,
            ", ".join(f"`{name}`" for name in (row.url_variable, row.key_variable) if name) or "a file",
            row.base_url or "the one you give",
            ", ".join(sorted(row.unsupported)) or "-",
        )
        for row in CATALOG.values()
        if _is_shown(row)
    ]
    return _table(("provider", "configured by", "address", "has no words for"), rows)


def missing_tests(module: ModuleType = test_llama_cpp) -> Sequence[str]:
    """Names in the table that are no tests."""
    return [name for name in LLAMA_CPP.values() if not hasattr(module, name)]


def _is_shown(row: ProviderFacts) -> bool:
    return row.wire != "custom"


def _cell(name: str, feature: str) -> str:
    reason = REASONS.get((name, feature))
    if reason is not None:
        mark = "tested" if reason.startswith("tested") else "none"
        return f"{mark} ({_numbered().index(reason) + 1})"
    return "tested"


def _numbered() -> Sequence[str]:
    return list(dict.fromkeys(REASONS.values()))


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
