"""Whose a ToolCall's signature is: what one vendor signed means nothing to another, and must not reach it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from typing import Literal, TypeAlias

from llm_manager.domain.request import ToolCall
from llm_manager.domain.target import Target

Signer: TypeAlias = Literal["anthropic", "gemini", "reasoning"]
"""``reasoning`` is what a server of the OpenAI wire gave as ``reasoning_content``, and may want back."""


def signed(by: Signer, text: str | None, at: Target | None = None) -> str | None:
    """*text* as a call carries it, bound to the server of *at* where the wire it came by is not the signer's own.

    >>> signed("gemini", "c2lnbmVk")
    'gemini:c2lnbmVk'
    """
    return f"{by}{'' if at is None else _place(at.base_url)}:{text}" if text else None


def signed_by(signer: Signer, signature: str | None) -> str | None:
    """What *signer* put into *signature*; None for one of another's.

    >>> signed_by("gemini", "gemini:c2lnbmVk"), signed_by("anthropic", "gemini:c2lnbmVk")
    ('c2lnbmVk', None)
    """
    head, _, text = (signature or "").partition(":")
    return text if head.partition("@")[0] == signer and text else None


def signed_here(signer: Signer, signature: str | None, target: Target) -> str | None:
    """What *signer* put into *signature* at the server of *target*; None for what another gave."""
    is_here = signature is not None and signature.startswith(f"{signer}{_place(target.base_url)}:")
    return signed_by(signer, signature) if is_here else None


@lru_cache(maxsize=256)
def _place(base_url: str) -> str:
    """The server, without its name: conversations are kept, and its address is nobody's business."""
    return "@" + sha256(base_url.encode()).hexdigest()[:8]


def with_reasoning(calls: Sequence[ToolCall], reasoning: str | None, target: Target) -> tuple[ToolCall, ...]:
    """*calls* that *reasoning* of *target* led to: the first carries it, unless it is signed."""
    if not calls or not reasoning or calls[0].signature is not None:
        return tuple(calls)
    return (replace(calls[0], signature=signed("reasoning", reasoning, target)), *calls[1:])


def reasoning_for(calls: Sequence[ToolCall], target: Target) -> str | None:
    """The reasoning that goes back to *target* with *calls*: to who gave it, and to who is known to want it."""
    signature = calls[0].signature if calls else None
    if target.provider.takes_reasoning:
        return signed_by("reasoning", signature)
    return signed_here("reasoning", signature, target)


NO_PROOF = "skip_thought_signature_validator"
"""What Gemini 3 takes in place of its proof, for calls that it did not make (Gemini API, "Thought signatures", "FAQs",
read 2026-11-21): without either it answers 400, and a conversation that another model began could not go on there."""

_ASKS_PROOF = re.compile(r"(models/)?gemini-(?![12][.-])")
"""Gemini 3 and later. The ones before it want nothing for calls that are not theirs."""


def gemini_proofs(calls: Sequence[ToolCall], model: str) -> list[str | None]:
    """What goes with each of the *calls* of one answer when they go to the Gemini *model*; of several it signs the
    first.

    >>> theirs = ToolCall(id="1", name="f", arguments="{}")
    >>> gemini_proofs([theirs, theirs], "gemini-3.8-flash")
    ['skip_thought_signature_validator', None]
    >>> gemini_proofs([theirs], "gemini-2.5-pro")
    [None]
    """
    proofs = [signed_by("gemini", call.signature) for call in calls]
    if proofs and proofs[0] is None and _ASKS_PROOF.match(model):
        proofs[0] = NO_PROOF
    return proofs


_GOOGLES = "googleapis.com"


def compatible_proofs(calls: Sequence[ToolCall], target: Target) -> list[str | None]:
    """What goes with each of the *calls* of one answer on the OpenAI wire, as ``extra_content.google`` (Gemini API,
    "OpenAI compatibility", read 2026-12-01): to the server that gave it, and to Google's own. Nobody else knows it."""
    if _GOOGLES in target.base_url:
        return gemini_proofs(calls, target.model)
    return [signed_here("gemini", call.signature, target) for call in calls]
