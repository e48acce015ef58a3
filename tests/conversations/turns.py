"""What the tests of the stores share."""

from __future__ import annotations

from llm_manager import StoredMessage, Usage
from llm_manager.domain.conversation import Turn


def turn(number: int, text: str = "question") -> Turn:
    said = (StoredMessage(role="user", content=f"{text} {number}", timestamp=1.0),)
    return Turn(id=f"turn {number}", at=float(number), messages=said, model="gpt", usage=Usage(prompt_tokens=number))
