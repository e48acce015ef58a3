"""A program that has a vendor answer a few requests in its own batch, and says what came of them; it is killed.

Arguments: the address of a simulator, the vendor, its model, the path of a journal, and how many requests.
"""

from __future__ import annotations

import json
import sys

import anyio
from returns.result import Success

from llm_manager import (
    HttpSettings,
    KeySettings,
    LLMConfig,
    LLMRequest,
    RetrySettings,
    Secret,
    batch_at_vendor,
    custom,
    journal_file,
    spaced,
)

LOOKS_EVERY_S = 0.01


async def main(*arguments: str) -> None:
    url, vendor, model, journal, count = arguments
    config = LLMConfig(
        http=HttpSettings(base_urls={vendor: url}),
        keys=KeySettings(providers={vendor: (Secret("any-key-will-do-here"),)}),
        retry=RetrySettings(base_s=0.01, cap_s=0.05),
    )
    requests = [LLMRequest(prompt=f"question {number}") for number in range(int(count))]
    stream = batch_at_vendor(requests, model=model, journal=journal_file(journal), poll=spaced(LOOKS_EVERY_S))
    async with custom(config) as context, stream.opened(context) as outcomes:
        told = {index: outcome async for index, outcome in outcomes}
        assert outcomes.failure is None, outcomes.failure
    said = [told[index].unwrap().content if isinstance(told[index], Success) else "" for index in range(len(requests))]
    print(json.dumps(said), flush=True)  # noqa: T201  # how it talks to the test


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])
