"""Hypothesis profiles: a short one for every run, a long one for the night."""

from __future__ import annotations

import os

import pytest
from hypothesis import Phase, settings

from redis_fixtures import redis as redis
from redis_fixtures import started_redis as started_redis

collect_ignore = ["fuzz_extraction.py", "fuzz_wire.py", "fuzzing.py"]  # programs of their own, that need a fuzzer

settings.register_profile("default", deadline=None, derandomize=True, max_examples=100, database=None)
settings.register_profile("nightly", deadline=None, max_examples=2_500, stateful_step_count=50, print_blob=True)
settings.register_profile(  # for mutants: that a law fails is all there is to know
    "mutants", settings.get_profile("default"), max_examples=50, phases=(Phase.explicit, Phase.generate)
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> str:
    """A law runs whole programs, each under its own ``anyio.run`` on this backend."""
    return str(request.param)
