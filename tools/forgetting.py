"""A plugin for pytest: each test begins with empty memos, and a law comes after the sentences.

For ``make mutants``: mutmut asks of a mutant only those tests that reached its function, and one that was answered
from a memo did not; and it stops at the first that fails, so the quick ones go first.
"""

from __future__ import annotations

import sys

import pytest


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Clear what every ``lru_cache`` of the library holds."""
    del item
    modules = [module for name, module in sys.modules.items() if name.startswith("llm_manager")]
    for value in [value for module in modules for value in vars(module).values()]:
        clear = getattr(value, "cache_clear", None)
        if callable(clear):
            clear()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out the copies that mutmut makes of a doctest, one for each mutant of its function."""
    items[:] = sorted((item for item in items if "__mutmut_" not in item.name), key=_is_law)


def _is_law(item: pytest.Item) -> bool:
    return item.path.parent.name == "property_tests"
