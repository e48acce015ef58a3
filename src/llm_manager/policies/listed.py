"""Is a model among those that its provider lists? Vendors resolve names that they do not list, such as aliases."""

from __future__ import annotations

from collections.abc import Iterable

from llm_manager.domain.dated_names import undated


def is_listed(model: str, names: Iterable[str]) -> bool:
    """Does one of *names* stand for *model*: itself, its version of a date, or, for a version, the name without one?

    >>> is_listed("claude-haiku-4-5", ["claude-haiku-4-5-20251001"]), is_listed("llama3", ["llama3:latest"])
    (True, True)
    >>> is_listed("gpt-4o-2024-08-06", ["gpt-4o-2024-05-13"]), is_listed("claude-haiku", ["claude-haiku-4-5"])
    (False, False)
    """
    listed = {_bare(name) for name in names}
    wanted = _bare(model)
    alias = wanted.removesuffix("-latest")
    return wanted in listed or alias in listed or undated(alias) in listed or alias in map(_undated, listed)


def _bare(name: str) -> str:
    return name.removeprefix("models/").removesuffix(":latest")


def _undated(name: str) -> str:
    return undated(name).removesuffix("-latest")
