"""A TOML file as data, or in words why it is none."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from returns.result import Failure

from llm_manager.domain.outcome import Outcome
from llm_manager.domain.toml_text import MAX_BYTES, parsed_toml


def read_toml(name: str) -> Outcome[Mapping[str, object], str]:
    """What the file *name* says; fails with what is wrong with it."""
    try:
        with Path(os.path.expanduser(name)).open("rb") as file:  # noqa: PTH111  # pathlib raises where no home is
            read = file.read(MAX_BYTES + 1)
        if len(read) > MAX_BYTES:
            return Failure(f"is larger than {MAX_BYTES:,} bytes")
        text = read.decode()
    except FileNotFoundError:
        return Failure("there is no such file")
    except OSError as bad:
        return Failure(f"cannot be read: {bad.strerror}")
    except UnicodeDecodeError:
        return Failure("is not TOML: it is not UTF-8 text")
    except ValueError as bad:  # of a path that holds a NUL
        return Failure(f"cannot be read: {bad}")
    return parsed_toml(text.replace("\r\n", "\n"))
