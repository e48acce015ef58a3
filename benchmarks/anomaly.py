"""The type of the values that clients are asked for."""

from typing import Literal

import pydantic


class Anomaly(pydantic.BaseModel):
    """What is odd in a log."""

    metric: str
    severity: Literal["low", "medium", "high"]
