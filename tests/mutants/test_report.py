"""What is made of a run of mutmut: figures by module, and complaints."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import llm_manager
from mutation import ACCEPTED, Mutant, Tally, complaints, mutant_of, read_accepted, statuses, table, tallies

RESULTS = """
    llm_manager.policies.bucket.x_full__mutmut_1: killed
    llm_manager.policies.bucket.x_full__mutmut_2: caught by type check
    llm_manager.policies.bucket.x__refill__mutmut_1: timeout
    llm_manager.combinators.budget.xǁ_Purseǁreserve__mutmut_3: survived
    llm_manager.combinators.budget.xǁ_Purseǁreserve__mutmut_4: no tests
"""
DIFF = """# llm_manager.policies.bucket.x_refilled__mutmut_1: survived
--- src/llm_manager/policies/bucket.py
+++ src/llm_manager/policies/bucket.py
@@ -1,3 +1,3 @@
 def refilled() -> None:
-    if now_s <= levels.at_s:
+    if now_s < levels.at_s:
         return levels
"""
ALIVE = Mutant("policies.bucket.refilled", "if now_s <= levels.at_s:", "if now_s < levels.at_s:")
GOOD = {"policies.bucket": Tally(refused=5, killed=19, alive=1)}


def test_each_module_has_a_tally_and_the_share_is_of_those_that_the_types_let_pass() -> None:
    by_module = tallies(statuses(RESULTS))
    assert by_module == {
        "combinators.budget": Tally(refused=0, killed=0, alive=2),
        "policies.bucket": Tally(refused=1, killed=2, alive=0),
    }
    assert [line.split() for line in table(by_module).splitlines()] == [
        ["module", "mutants", "refused", "killed", "alive", "share"],
        ["combinators.budget", "2", "0", "0", "2", "0.0%"],
        ["policies.bucket", "3", "1", "2", "0", "100.0%"],
        ["all", "5", "1", "2", "2", "50.0%"],
    ]


def test_a_mutant_is_what_it_changes_and_not_its_number() -> None:
    assert mutant_of("llm_manager.policies.bucket.x_refilled__mutmut_1", DIFF) == ALIVE


def test_a_run_is_good_when_every_mutant_alive_is_accepted() -> None:
    assert complaints(GOOD, [ALIVE], [ALIVE]) == []


def test_a_mutant_alive_that_nobody_accepted_is_a_failure_and_so_is_an_acceptance_of_none() -> None:
    told = "policies.bucket.refilled\n    - if now_s <= levels.at_s:\n    + if now_s < levels.at_s:"
    assert complaints(GOOD, [ALIVE], []) == [f"alive and not accepted: {told}"]
    assert complaints(GOOD, [], [ALIVE]) == [f"accepted and not alive: {told}"]


def test_too_few_killed_are_a_failure_even_if_all_that_live_are_accepted() -> None:
    assert complaints({"policies.bucket": Tally(killed=89, alive=11)}, [], []) == ["fewer than 90% are killed"]
    assert complaints({"policies.bucket": Tally(killed=90, alive=10)}, [], []) == []


def test_every_mutant_that_may_live_has_its_reason() -> None:
    assert read_accepted(ACCEPTED.read_text(encoding="utf-8"))
    with pytest.raises(ValueError, match="no reason is given for f"):
        read_accepted('[[accepted]]\nfunction = "f"\nwas = "a"\nnow = "b"\nwhy = " "')


def test_the_tests_that_are_asked_of_mutants_are_where_they_are_looked_for() -> None:
    settings = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
    chosen = [*settings["pytest_add_cli_args_test_selection"], *settings["also_copy"]]
    package = Path(llm_manager.__file__).parent  # which is not in src when it is the installed wheel that is tested
    places = [package / path.removeprefix("src/llm_manager/") if path.startswith("src/") else path for path in chosen]
    assert [path for path in places if not Path(path).exists()] == []
