"""Every feature against every provider: the cells of the table in ``docs/reference/providers.md``."""

from __future__ import annotations

from dataclasses import replace

import pytest
from returns.result import Failure

from llm_manager import ImagePart, Message, UnsupportedCapability
from tests.providers.checks import ASK, FEATURES, PIXEL, asked
from tests.providers.providers import NONE, PROVIDERS

pytestmark = pytest.mark.anyio


CELLS = [(name, feature) for name in PROVIDERS for feature in FEATURES if (name, feature) not in NONE]


@pytest.mark.parametrize(("name", "feature"), CELLS)
async def test_a_provider_has_the_feature(name: str, feature: str) -> None:
    await FEATURES[feature](PROVIDERS[name])


async def test_what_a_provider_has_none_of_is_refused_before_anything_is_sent() -> None:
    """Groq's models of the catalog are blind; an alias can say otherwise of one that is not."""
    seen = Message(role="user", content=(ImagePart(data=PIXEL, media_type="image/png"),))
    outcome, received = await asked(PROVIDERS["Groq"], replace(ASK, messages=(seen,)))
    assert outcome == Failure(UnsupportedCapability("openai/gpt-oss-120b", "vision"))
    assert received == []
