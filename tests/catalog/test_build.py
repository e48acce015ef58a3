"""`make catalog` from small sources: what is taken from whom, what the overlay changes, and what a human is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from catalog.build import Sources, build, differences, names_of
from catalog.listing import Listing, Sheet
from catalog.read_genai import says_in_full
from catalog.read_litellm import listing_of
from catalog.render import data_text, page_text

PINS: dict[str, Any] = {
    "as_of": "2026-12-01",
    **{name: {"name": name, "date": "2026-12-01"} for name in ("genai", "litellm", "models-dev", "pi")},
}


def listed(**said: Any) -> Listing:
    return Listing(kind="chat", **said)


def sheet(prompt: float, completion: float) -> Sheet:
    return Sheet(rates={"prompt": prompt, "completion": completion})


def test_each_figure_is_from_the_source_that_is_trusted_with_it() -> None:
    sources: Sources = {
        "genai": {"openai": {"gpt-x": Listing(sheets={"": sheet(1.0, 2.0), "2027-01-01": sheet(2.0, 4.0)})}},
        "litellm": {
            "openai": {
                "gpt-x": listed(
                    max_prompt=900,
                    max_answer=100,
                    vision=False,
                    sheets={"": sheet(9.0, 9.0)},
                    ends="2027-01-14",
                    successor="gpt-y",
                    reasons=True,
                    regions={"eu": 1.1},
                )
            }
        },
        "models-dev": {"openai": {"gpt-x": Listing(window=1000, max_answer=100)}},
        "pi": {"openai": {}},
    }
    assert build(sources, {}) == {
        "openai": {
            "gpt-x": {
                "window": 1000,
                "max_prompt": 900,
                "max_answer": 100,
                "window_from": "models-dev",
                "lacks": ["vision"],
                "refuses": ["temperature", "top_p"],
                "price": {
                    "prompt": 1.0,
                    "completion": 2.0,
                    "regions": {"eu": 1.1},
                    "then": {"2027-01-01": {"prompt": 2.0, "completion": 4.0}},
                },
                "price_from": "genai",
                "ends": "2027-01-14",
                "successor": "gpt-y",
            }
        }
    }


def test_the_bound_of_litellm_alone_is_never_a_window() -> None:
    sources: Sources = {"litellm": {"openai": {"gpt-x": listed(max_prompt=900, max_answer=100)}}}
    assert build(sources, {}) == {"openai": {"gpt-x": {"max_answer": 100}}}


def test_a_version_that_differs_in_nothing_is_left_out_and_one_that_does_is_kept() -> None:
    rows = {"gpt-x": listed(ends="2027-01-14"), "gpt-x-2026-01-01": listed(ends="2027-01-14"), "gpt-x-0301": listed()}
    sources: Sources = {"litellm": {"openai": rows}, "models-dev": {"openai": {"gpt-x": Listing(window=7)}}}
    assert build(sources, {}) == {
        "openai": {
            "gpt-x": {"window": 7, "window_from": "models-dev", "ends": "2027-01-14"},
            "gpt-x-0301": {"window": 7, "window_from": "models-dev"},
        }
    }


def test_a_rule_of_the_overlay_changes_what_begins_as_it_says() -> None:
    sources: Sources = {
        "litellm": {"openai": {"gpt-x": listed(idles=False), "gpt-x-mini": listed(idles=True), "gpt-x-old": listed()}}
    }
    rule = {"provider": "openai", "prefixes": ["gpt-x"], "except": ["gpt-x-old"], "refuses": ["stop"], "window": 5}
    assert build(sources, {"rule": [{**rule, "idle_with_tools": True}]}) == {
        "openai": {
            "gpt-x": {
                "window": 5,
                "window_from": "overlay",
                "lacks": ["tools"],
                "refuses": ["stop"],
                "idle_with_tools": True,
            },
            "gpt-x-mini": {"window": 5, "window_from": "overlay", "refuses": ["stop"], "idle_with_tools": True},
            "gpt-x-old": {},
        }
    }


def test_a_vendor_whose_past_models_one_source_lists_has_those_that_another_lists_too() -> None:
    sources: Sources = {
        "litellm": {"together": {"old": listed(), "new": listed()}},
        "pi": {"together": {"new": Listing(window=1)}},
    }
    assert names_of(sources) == {"together": {"new"}}


def test_the_same_from_the_same_byte_for_byte_in_any_order() -> None:
    one: Sources = {"litellm": {"openai": {"b": listed(), "a": listed(sheets={"": sheet(1.0, 2.0)})}}}
    other: Sources = {"litellm": {"openai": {"a": one["litellm"]["openai"]["a"], "b": listed()}}}
    texts = {data_text(build(each, {}), PINS, {}) + page_text(build(each, {}), each, PINS) for each in (one, other)}
    assert len(texts) == 1


def test_what_the_sources_do_not_agree_about_is_listed_for_a_human() -> None:
    sources: Sources = {
        "litellm": {"openai": {"gpt-x": listed(sheets={"": sheet(2.0, 8.0)})}},
        "pi": {"openai": {"gpt-x": Listing(sheets={"": sheet(1.0, 8.0)})}},
    }
    catalog = build(sources, {})
    found = list(differences(catalog, sources))
    assert found == [("prompt, US dollars a million", "openai", "gpt-x", {"litellm": 2.0, "pi": 1.0})]
    assert "| openai | `gpt-x` |  | 2 |  | 1 |" in page_text(catalog, sources, PINS)


def test_a_row_of_litellm_is_read_with_its_long_prompts_and_hour_writes() -> None:
    row = {
        "input_cost_per_token": 2e-06,
        "output_cost_per_token": 1e-05,
        "cache_read_input_token_cost": 2e-07,
        "cache_read_input_token_cost_batches": 1e-07,
        "cache_creation_input_token_cost_above_1hr": 4e-06,
        "input_cost_per_token_above_200k_tokens": 4e-06,
        "provider_specific_entry": {"us": 1.1},
        "successor_model": "gemini/gemini-y",
    }
    read = listing_of(row, "chat")
    standard = {"prompt": 2.0, "completion": 10.0, "cached": 0.2, "hour": 4.0}
    assert read.sheets == {"": Sheet(rates=standard, long={200_000: {**standard, "prompt": 4.0}})}
    assert (read.regions, read.batch_cached, read.successor) == ({"us": 1.1}, 0.5, "gemini-y")


@dataclass
class Clause:
    """A clause of genai-prices, as far as it is looked at."""

    or_: tuple[Clause, ...] = ()
    equals: str | None = None
    regex: str | None = None
    starts_with: str | None = None


def test_a_price_is_that_of_a_name_in_full_and_not_of_what_begins_like_it() -> None:
    match = Clause(or_=(Clause(equals="opus-5"), Clause(regex=r"^opus-5-\d{8}$"), Clause(starts_with="opus-5")))
    names = ("opus-5", "opus-5-20260101", "opus-5-5")
    assert [says_in_full(match, name) for name in names] == [True, True, False]
