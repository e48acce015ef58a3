"""How many tokens an image is: by its size, as each vendor publishes it.

The size is read from the header of what is sent, where the package ``imagesize`` is installed (the extra ``images``).
Without it, and of an image that is given by an address, the most that the vendor bills for one is taken for ``high``.
To add a vendor's rule, write one more function of a width and a height and give it a row of ``_RULES``.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from math import ceil, sqrt
from typing import Final, TypeAlias

from llm_manager.domain.request import ImagePart
from llm_manager.domain.tokens import TokenRange, exactly

Rule: TypeAlias = Callable[[int, int], TokenRange]
"""The tokens of an image so many pixels wide and high."""

_DATA_URL: Final = re.compile(r"data:[^,]{0,99};base64,")
_MAGIC: Final = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF")
"""How the images begin that vendors take; of nothing else is a header read."""

_HEADER_CHARACTERS: Final = 1 << 20
"""As much of a data URL is decoded: the size of a JPEG stands behind what its camera wrote into it."""


def image_tokens(image: ImagePart, model: str | None = None) -> TokenRange:
    """How many tokens *image* is for *model*, by its rule; between its least and its most where no size is known."""
    row = _row_of(model)
    size = _size(image)
    return row.unknown if size is None else row.rule(*size)


def _size(image: ImagePart) -> tuple[int, int] | None:
    """The width and the height that the header names, None where there is no header, or none that is understood."""
    data = image.data if image.url is None else _inlined(image.url)
    return None if not data else _header_size(data)


def _inlined(url: str) -> bytes | None:
    found = _DATA_URL.match(url)
    if found is None:
        return None
    text = url[found.end() : found.end() + _HEADER_CHARACTERS]
    try:
        return b64decode(text[: len(text) // 4 * 4])
    except (binascii.Error, ValueError):
        return None


def _header_size(data: bytes) -> tuple[int, int] | None:
    if not data.startswith(_MAGIC):
        return None
    try:
        from imagesize import get  # noqa: PLC0415  # an extra  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]
    except ImportError:
        return None
    try:
        width, height = get(BytesIO(data))
    except Exception:  # noqa: BLE001  # whatever a reader of headers makes of a broken one
        return None
    return (int(width), int(height)) if width > 0 and height > 0 else None


def _tiled(base: int, tile: int) -> Rule:
    """OpenAI, "Images and vision", "Calculating costs": into 2,048 pixels a side, then the shorter side to 768, then so
    many tokens for each tile of 512, and *base* alone where the detail is low."""

    def tokens(width: int, height: int) -> TokenRange:
        by = min(1.0, 2048 / max(width, height))
        by = min(by, 768 / min(width, height))
        tiles = ceil(max(width * by, 1) / 512) * ceil(max(height * by, 1) / 512)
        return TokenRange(base, base + tile * tiles, base + tile * min(tiles + 1, 8))

    return tokens


def _patched(by: float, most_patches: int) -> Rule:
    """The same page: so many tokens for each patch of 32 pixels a side, of which there are at most *most_patches*."""

    def tokens(width: int, height: int) -> TokenRange:
        patches = min(ceil(width / 32) * ceil(height / 32), most_patches)
        return TokenRange(1, ceil(patches * by), ceil(patches * by) + 1)

    return tokens


def _by_area(long_side: int, most: int) -> Rule:
    """Anthropic, "Vision": an image that is longer than *long_side*, or would be more than *most* tokens, is made
    smaller; then it is a token for each patch of 28 pixels a side ("about width * height / 750" says an older page)."""

    def tokens(width: int, height: int) -> TokenRange:
        by = min(1.0, long_side / max(width, height))
        patches = ceil(max(width * by, 1) / 28) * ceil(max(height * by, 1) / 28)
        about = min(patches, most)
        return TokenRange(
            max(min(int(width * by * height * by / 750), about), 1), about, min(ceil(about * 1.1) + 4, most + 4)
        )

    return tokens


_GEMINI_TILE: Final = 258


def _cropped(width: int, height: int) -> TokenRange:
    """Google, "Understand and count tokens": 258 up to 384 pixels a side, else 258 for each tile, whose side is the
    shorter one by 1.5, between 256 and 768."""
    if max(width, height) <= 384:
        return exactly(_GEMINI_TILE)
    side = min(max(int(min(width, height) / 1.5), 256), 768)
    about = _GEMINI_TILE * ceil(width / side) * ceil(height / side)
    return TokenRange(_GEMINI_TILE, about, about + _GEMINI_TILE)


def _by_resolution(_width: int, _height: int) -> TokenRange:
    """Google, "Media resolution": from 280 (low) over 1,120, which is what is taken where nothing is said, to 2,240."""
    return _GEMINI_3


def _by_patches_of_28(width: int, height: int) -> TokenRange:
    """As servers of open models do: a token for a square of 28 pixels, in whose absence nothing is published."""
    about = ceil(sqrt(width * height) / 28) ** 2
    return TokenRange(1, about, max(4 * about, 2048))


@dataclass(frozen=True, slots=True)
class _Row:
    """The *rule* of models whose names match *models*, and what an image *unknown* in its size is."""

    models: str
    rule: Rule
    unknown: TokenRange


_GEMINI_3: Final = TokenRange(70, 1120, 2240)
_RULES: Final = (
    _Row(r"gpt-4o-mini", _tiled(2833, 5667), TokenRange(2833, 25501, 48169)),
    _Row(r"gpt-4\.1-mini|gpt-5-mini", _patched(1.62, 1536), TokenRange(1, 1659, 2489)),
    _Row(r"gpt-4\.1-nano|gpt-5-nano", _patched(2.46, 1536), TokenRange(1, 2519, 3779)),
    _Row(r"o4-mini", _patched(1.72, 1536), TokenRange(1, 1761, 2642)),
    _Row(r"gpt-4o|gpt-4\.[15]|gpt-4-", _tiled(85, 170), TokenRange(85, 765, 1445)),
    _Row(r"gpt-5(?!\.[2-9])", _tiled(70, 140), TokenRange(70, 630, 1190)),
    _Row(r"(^|[/:@])o[13](-|$)", _tiled(75, 150), TokenRange(75, 675, 1275)),
    _Row(r"gpt-", _patched(1.2, 10_000), TokenRange(1, 1230, 12_000)),
    _Row(r"claude-([123]|(opus|sonnet|haiku)-4(?!-[7-9]))", _by_area(1568, 1600), TokenRange(1, 1334, 1604)),
    _Row(r"claude", _by_area(2576, 4784), TokenRange(1, 1334, 4788)),
    _Row(r"gemini-[12]|gemma", _cropped, TokenRange(_GEMINI_TILE, 1032, 24 * _GEMINI_TILE)),
    _Row(r"gemini", _by_resolution, _GEMINI_3),
)
_OTHERS: Final = _Row("", _by_patches_of_28, TokenRange(1, 1000, 8192))


@lru_cache(maxsize=1024)
def _row_of(model: str | None) -> _Row:
    name = (model or "").lower()
    return next((row for row in _RULES if re.search(row.models, name)), _OTHERS)
