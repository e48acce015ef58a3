"""Images as bytes, whichever way a request holds them."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass

from llm_manager.domain.request import ImagePart


@dataclass(frozen=True, slots=True)
class Inline:
    """An image in the request itself: its media type and its bytes in base64."""

    media_type: str
    base64: str


def inline(part: ImagePart) -> Inline | None:
    """The bytes of *part* or of its ``data:`` URL; None where it names an address that the provider is to fetch."""
    if part.data is not None:
        return Inline(part.media_type or "", b64encode(part.data).decode())
    head, comma, data = (part.url or "").partition(",")
    if not head.startswith("data:") or not comma:
        return None
    return Inline(head.removeprefix("data:").removesuffix(";base64"), data)
