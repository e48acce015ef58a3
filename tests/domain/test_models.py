"""The catalog: its file is whole, what it chooses by itself is current, and a name is resolved in steps."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date, timedelta
from importlib.resources import files

import pytest

from llm_manager.domain.catalog import CHAINS, FAMILIES, PROVIDERS
from llm_manager.domain.model_names import facts_of, provider_and_model
from llm_manager.domain.models import FILE, MODELS, catalog_day

LINES = (files("llm_manager.domain") / FILE).read_text(encoding="utf-8").splitlines()
HEAD = json.loads(LINES[0])
ROWS = {name: json.loads(row) for name, _, row in (line.partition("\t") for line in LINES[1:])}

KEYS = {
    "kind",
    "window",
    "max_prompt",
    "max_answer",
    "window_from",
    "lacks",
    "can",
    "refuses",
    "idle_with_tools",
    "price",
    "price_from",
    "ends",
    "successor",
    "latency_ms",
}
RATES = {"prompt", "completion", "cached", "write", "hour", "reasoning"}
PRICE = RATES | {"long", "services", "regions", "then", "batch_cached"}


def test_every_line_is_of_one_model_and_holds_what_a_row_may_hold() -> None:
    assert len(ROWS) == len(LINES) - 1
    assert {key for row in ROWS.values() for key in row} <= KEYS
    assert {key for row in ROWS.values() for key in row.get("price", {})} <= PRICE
    later = [rates for row in ROWS.values() for rates in row.get("price", {}).get("then", {}).values()]
    assert {key for rates in later for key in rates} <= RATES | {"long"}


def test_every_figure_has_a_source_with_a_date() -> None:
    named = {row[key] for row in ROWS.values() for key in ("window_from", "price_from") if key in row}
    assert named <= HEAD["sources"].keys()
    dates = [HEAD["as_of"], *(source["date"] for source in HEAD["sources"].values())]
    assert [date.fromisoformat(each).isoformat() for each in dates] == dates
    assert all("window_from" in row for row in ROWS.values() if "window" in row)
    assert all("price_from" in row for row in ROWS.values() if "price" in row)


def test_every_family_and_alias_leads_to_a_model_that_is_listed() -> None:
    for kind in ("families", "aliases"):
        for provider, names in HEAD[kind].items():
            assert {f"{provider}/{name}" for name in names.values()} <= ROWS.keys()


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_family_holds_no_model_that_ends_within_thirty_days(family: str) -> None:
    horizon = (date.fromisoformat(catalog_day()) + timedelta(days=30)).isoformat()
    ends = {name: MODELS[name].ends_on for name in FAMILIES[family] if name in MODELS}
    assert {name: day for name, day in ends.items() if day is not None and day <= horizon} == {}


def test_a_chain_holds_families_and_what_they_name_is_listed_or_on_ones_own_machine() -> None:
    assert {name for chain in CHAINS.values() for name in chain} <= FAMILIES.keys()
    hosted = [name for family in FAMILIES.values() for name in family if not name.startswith(("lm_studio/", "ollama/"))]
    assert [name for name in hosted if name not in MODELS] == []


@pytest.mark.parametrize(
    ("name", "window", "prompt_usd", "refused"),
    [
        ("claude-haiku-4-5-20251001", 200_000, 1.0, set[str]()),
        ("claude-haiku-4-5@20251001", 200_000, 1.0, set[str]()),
        ("gpt-4o-2024-08-06", 128_000, 2.5, set[str]()),
        ("gpt-4o-2024-05-13", 128_000, 5.0, set[str]()),
        ("gpt-5-2025-08-07", 400_000, 1.25, {"stop", "temperature", "top_p"}),
        ("openai/gpt-5.6-sol", 1_050_000, 4.0, {"stop", "temperature", "top_p"}),
        ("gpt-6-sol", 1_050_000, 2.0, {"stop", "temperature", "top_p"}),
        ("claude-opus-4-8", 1_000_000, 5.0, {"temperature", "top_p"}),
        ("claude-sonnet-5.5", 1_000_000, 2.0, {"temperature", "tool_choice", "top_p"}),
        ("claude-fable-5-2", 1_000_000, 8.0, {"temperature", "tool_choice", "top_p"}),
        ("gpt-5.4", 1_050_000, 2.5, {"stop"}),
    ],
)
def test_a_name_of_a_model_has_what_is_listed_of_it(
    name: str, window: int, prompt_usd: float, refused: set[str]
) -> None:
    found = provider_and_model(name)
    assert found is not None
    facts = facts_of(*found)
    assert facts.price is not None
    assert (facts.name, facts.window_tokens, facts.price.prompt_usd, set(facts.unsupported)) == (
        found[1],
        window,
        prompt_usd,
        refused,
    )
    assert facts.guessed_from is None


def test_a_window_is_two_facts() -> None:
    bounds = {name: (MODELS[name].max_prompt_tokens, MODELS[name].window_tokens) for name in ("gpt-5", "gpt-5.4")}
    assert bounds == {"gpt-5": (272_000, 400_000), "gpt-5.4": (922_000, 1_050_000)}


def test_a_guess_says_whose_facts_it_is_and_holds_no_price_and_no_window() -> None:
    facts = facts_of(PROVIDERS["anthropic"], "claude-sonnet-7")
    like = MODELS["claude-sonnet-5-5"]
    guessed = (facts.guessed_from, facts.unsupported, facts.capabilities)
    assert guessed == (like.name, like.unsupported, like.capabilities)
    assert (facts.price, facts.window_tokens, facts.max_output_tokens, facts.ends_on) == (None, None, None, None)


def test_another_server_may_mean_something_else_by_a_name_that_nobody_lists() -> None:
    assert facts_of(PROVIDERS["openai"], "gpt-oss-7b", is_vendors=False).guessed_from is None


def test_what_models_can_do_is_theirs_and_not_their_providers() -> None:
    groq = {name: "json_schema" in MODELS[name].capabilities for name in ("openai/gpt-oss-120b", "qwen/qwen3.8-27b")}
    assert groq == {"openai/gpt-oss-120b": True, "qwen/qwen3.8-27b": False}
    with_tools = {name: "tools" in MODELS[name].capabilities for name in ("gpt-6-sol", "gpt-6-astra", "gpt-6.1-sol")}
    assert with_tools == {"gpt-6-sol": True, "gpt-6-astra": False, "gpt-6.1-sol": False}
    assert not MODELS["gpt-6-sol"].reasons_with_tools


def test_an_embedding_model_is_no_chat() -> None:
    facts = MODELS["text-embedding-3-small"]
    assert (facts.kind, facts.capabilities) == ("embedding", frozenset())


def test_the_file_is_not_read_by_an_import() -> None:
    asked = "import llm_manager.policies.planning, llm_manager.domain.models as m; print(m.is_loaded())"
    ran = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)  # noqa: S603
    assert ran.stdout.strip() == "False"
