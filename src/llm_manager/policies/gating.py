"""Which models of a route can answer the request at hand: what it needs, against what each can do."""

from __future__ import annotations

from collections.abc import Sequence

from llm_manager.domain.catalog import Wish
from llm_manager.domain.errors import LLMError
from llm_manager.domain.errors import UnsupportedCapability as Unsupported
from llm_manager.domain.request import ImagePart, LLMRequest
from llm_manager.domain.target import Target
from llm_manager.policies.candidate import Candidate, Skipped
from llm_manager.policies.sampling import dropped_options
from llm_manager.policies.window import too_large, windowed


def gated(candidate: Candidate, request: LLMRequest, *, is_strict: bool) -> Candidate:
    """*candidate*, or why it cannot answer this request; where *is_strict*, an option that it refuses is a reason."""
    if isinstance(candidate, Skipped):
        return candidate
    target = candidate.target
    error = (
        _lacks(target, request)
        or (_refuses(target, request) if is_strict else None)
        or too_large(target, windowed(request, target))
    )
    return candidate if error is None else Skipped(target.model, target.provider.name, error, candidate.why)


def _lacks(target: Target, request: LLMRequest) -> LLMError | None:
    """What *request* cannot be answered without and *target* cannot do."""
    capabilities, provider = target.facts.capabilities, target.provider
    if request.tools and "tools" not in capabilities:
        return Unsupported(target.model, "tools")
    images = _images(request)
    if images and "vision" not in capabilities:
        return Unsupported(target.model, "vision")
    unsupported = provider.unsupported | target.facts.unsupported
    if "image_urls" in unsupported and any(_is_fetched(image) for image in images):
        return _unsupported(target, "image_urls")
    if "tool_choice" in unsupported and request.tools and request.tool_choice not in ("auto", "none"):
        return _unsupported(target, "tool_choice")
    return None


def _refuses(target: Target, request: LLMRequest) -> LLMError | None:
    """The first sampling option of *request* that would be dropped for *target*."""
    dropped = dropped_options(request, target)
    return _unsupported(target, dropped[0]) if dropped else None


def _unsupported(target: Target, wish: Wish) -> Unsupported:
    name, by_wire = target.provider.name, wish in target.provider.unsupported
    return Unsupported(target.model, wish, f"the API of {name} has no {wish}" if by_wire else f"{name} refuses {wish}")


def _is_fetched(image: ImagePart) -> bool:
    """Is *image* given by an address from which the provider is to fetch it?"""
    return image.url is not None and not image.url.startswith("data:")


def _images(request: LLMRequest) -> Sequence[ImagePart]:
    return [
        part
        for message in request.messages
        if not isinstance(message.content, str)
        for part in message.content
        if isinstance(part, ImagePart)
    ]
