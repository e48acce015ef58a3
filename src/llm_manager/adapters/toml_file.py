"""A TOML file as data, or in words why it is none."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from returns.result import Failure, Success

from llm_manager.domain.outcome import Outcome


def read_toml(name: str) -> Outcome[Mapping[str, object], str]:
    """What the file *name* says; fails with what is wrong with it."""
    try:
        with Path(os.path.expanduser(name)).open("rb") as file:  # noqa: PTH111  # pathlib raises where no home is
            return Success(tomllib.load(file))
    except FileNotFoundError:
        return Failure("there is no such file")
    except OSError as bad:
        return Failure(f"cannot be read: {bad.strerror}")
    except UnicodeDecodeError:
        return Failure("is not TOML: it is not UTF-8 text")
    except ValueError as bad:  # tomllib's own, that of Python's reader of numbers, and of a path that holds a NUL
        return Failure(f"is not TOML: {bad}")
    except RecursionError:
        return Failure("is TOML nested too deep")
