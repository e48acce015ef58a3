"""What a field means, said in its schema: to the model that fills it in, or to people who list the variables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Meaning:
    """The *text* that a schema gives as a field's description: ``Annotated[str, Meaning("The city's name.")]``.

    It does what pydantic's ``Field(description=...)`` does, without loading pydantic where the type is defined. *hides*
    are keywords that are left out of the schema: limits that some vendors' strict modes refuse to read. They are
    checked all the same, and *text* should say them.
    """

    text: str
    hides: tuple[str, ...] = ()

    def __get_pydantic_json_schema__(
        self, core_schema: Any, handler: Callable[[Any], dict[str, Any]]
    ) -> dict[str, Any]:
        schema = {key: part for key, part in handler(core_schema).items() if key not in self.hides}
        return {**schema, "description": self.text}
