"""Whose a ToolCall's signature is: what one vendor signed means nothing to another, and must not reach it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, TypeAlias

from llm_manager.domain.request import ToolCall

Signer: TypeAlias = Literal["anthropic", "gemini"]


def signed(by: Signer, text: str | None) -> str | None:
    """*text* as a call carries it.

    >>> signed("gemini", "c2lnbmVk")
    'gemini:c2lnbmVk'
    """
    return f"{by}:{text}" if text else None


def signed_by(signer: Signer, signature: str | None) -> str | None:
    """What *signer* put into *signature*; None for one of another's.

    >>> signed_by("gemini", "gemini:c2lnbmVk"), signed_by("anthropic", "gemini:c2lnbmVk")
    ('c2lnbmVk', None)
    """
    prefix = f"{signer}:"
    return signature.removeprefix(prefix) if signature is not None and signature.startswith(prefix) else None


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
