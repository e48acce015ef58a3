"""Whose a ToolCall's signature is: what one vendor signed means nothing to another, and must not reach it."""

from __future__ import annotations

from typing import Literal, TypeAlias

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
