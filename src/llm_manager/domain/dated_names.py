"""The dates at the end of names: a version of a model, ``-20251001``, and the name without it."""

from __future__ import annotations

import re
from typing import Final

_DATE: Final = re.compile(r"[-@](\d{8}|\d{4}-\d{2}-\d{2}|\d{2}-\d{4}|\d{4}|\d{3})$")
"""How a version ends: ``-20251001``, ``-2024-08-06``, ``-05-2025``, ``-0125``, ``-001``, and Vertex's ``@20251001``."""


def undated(name: str) -> str:
    """*name* without the date at its end.

    >>> undated("claude-haiku-4-5-20251001"), undated("gpt-4o-2024-08-06"), undated("claude-opus-4-8")
    ('claude-haiku-4-5', 'gpt-4o', 'claude-opus-4-8')
    """
    return _DATE.sub("", name)
