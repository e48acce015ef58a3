"""How many tokens an image is: by its size and its vendor's rule."""

from __future__ import annotations

import struct
import sys
from base64 import b64encode
from collections.abc import Callable
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_manager import ImagePart
from llm_manager.policies.image_tokens import image_tokens


def png(width: int, height: int) -> bytes:
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", crc32(head))


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + bytes(3)


def jpeg(width: int, height: int) -> bytes:
    size = b"\xff\xc0" + struct.pack(">HBHH", 17, 8, height, width) + bytes(12)
    return b"\xff\xd8\xff\xe1" + struct.pack(">H", 1002) + bytes(1000) + size + b"\xff\xd9"


def webp(width: int, height: int) -> bytes:
    frame = b"\x00\x00\x00\x9d\x01\x2a" + struct.pack("<HH", width, height) + bytes(8)
    chunk = b"VP8 " + struct.pack("<I", len(frame)) + frame
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


def image(data: bytes) -> ImagePart:
    return ImagePart(data=data, media_type="image/png")


@pytest.mark.parametrize("made", [png, gif, jpeg, webp])
def test_the_header_of_an_image_tells_its_size(made: Callable[[int, int], bytes]) -> None:
    assert image_tokens(image(made(1000, 1000)), "gpt-4o").likely == 85 + 4 * 170


@pytest.mark.parametrize(
    ("model", "width", "height", "likely"),
    [
        ("gpt-4o", 1024, 1024, 765),
        ("gpt-4o", 2048, 4096, 1105),
        ("gpt-4o", 512, 512, 255),
        ("gpt-4o-mini", 1024, 1024, 2833 + 4 * 5667),
        ("gpt-5", 1024, 1024, 70 + 4 * 140),
        ("o3", 1024, 1024, 75 + 4 * 150),
        ("gpt-4.1-mini", 1024, 1024, 1659),
        ("claude-sonnet-4-5", 200, 200, 64),
        ("claude-sonnet-4-5", 4000, 3000, 1600),
        ("claude-opus-4-7", 2576, 1400, 92 * 50),
        ("gemini-2.5-flash", 300, 300, 258),
        ("gemini-2.5-flash", 960, 540, 6 * 258),
        ("gemini-3.5-flash", 960, 540, 1120),
    ],
)
def test_a_vendors_rule_makes_tokens_of_a_size(model: str, width: int, height: int, likely: int) -> None:
    assert image_tokens(image(png(width, height)), model).likely == likely


MODELS = ("gpt-4o", "gpt-4o-mini", "gpt-5-mini", "gpt-6", "claude-sonnet-4-5", "claude-opus-4-7", "gemini-2.5-pro")


@given(st.sampled_from(MODELS), st.integers(1, 3000), st.integers(1, 3000))
def test_no_size_is_outside_what_is_told_of_an_unknown_one(model: str, width: int, height: int) -> None:
    known, unknown = image_tokens(image(png(width, height)), model), image_tokens(ImagePart(url="https://x/y"), model)
    assert 1 <= known.low <= known.likely <= known.high
    assert unknown.low <= known.likely
    assert max(width, height) > 4 * min(width, height) or known.likely <= unknown.high


def test_an_image_inside_an_address_has_a_size_and_one_behind_it_has_not() -> None:
    inlined = "data:image/png;base64," + b64encode(png(512, 512)).decode()
    assert image_tokens(ImagePart(url=inlined), "gpt-4o").likely == 255
    for url in ("https://example.com/cat.png", "data:image/png;base64,!!!!", "data:image/png,xyz", "data:"):
        assert image_tokens(ImagePart(url=url), "gpt-4o").high == 1445


@given(st.binary(max_size=200), st.sampled_from([b"", png(9, 9)[:20], b"RIFF", b"\xff\xd8\xff", b"II*\x00", b"<svg"]))
def test_what_is_no_image_is_taken_for_one_of_unknown_size(data: bytes, head: bytes) -> None:
    low, likely, high = image_tokens(image(head + data), "claude-sonnet-4-5")
    assert low <= likely <= high


def test_without_the_extra_no_size_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imagesize", None)
    assert image_tokens(image(png(512, 512)), "gpt-4o") == image_tokens(ImagePart(url="https://x/y"), "gpt-4o")
