"""What arrived at the simulator, kept for assertions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it arrived; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # Any: a test reaches into its own request, `received.json["messages"][0]`
        """The body, read as JSON."""
        return json.loads(self.body)
