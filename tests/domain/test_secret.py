"""A key is seen by nobody who did not ask for it by name."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback

import pytest
from pydantic import TypeAdapter

from llm_manager import KeySettings, LLMConfig, Secret, to_json
from llm_manager.domain.secret import key_problem

CANARY = "sk-canary-0123456789-abcdef"


def test_no_way_of_showing_a_secret_shows_it(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(CANARY)
    logging.getLogger("test").warning("%s %r", secret, {"key": secret})
    shown = [str(secret), repr(secret), f"{secret:>40}", repr([secret]), caplog.text]
    config = LLMConfig(keys=KeySettings(providers={"openai": (secret,)}))
    shown += [repr(config), to_json(config), TypeAdapter(Secret).dump_json(secret).decode()]
    assert all("canary" not in text for text in shown)


def test_a_traceback_with_locals_does_not_show_it() -> None:
    try:
        secret = Secret(CANARY)
        raise ValueError(secret)
    except ValueError as bad:
        lines = traceback.TracebackException.from_exception(bad, capture_locals=True).format()
        assert "canary" not in "".join(lines)


def test_a_secret_is_not_pickled_and_copies_are_itself() -> None:
    secret = Secret(CANARY)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secret)
    assert copy.copy(secret) is secret
    assert copy.deepcopy(secret) is secret


def test_secrets_are_equal_when_their_texts_are() -> None:
    assert Secret(CANARY) == Secret(CANARY)
    assert Secret(CANARY) != Secret("other")
    assert len({Secret(CANARY), Secret(CANARY)}) == 1
    assert Secret(CANARY).reveal() == CANARY


def test_a_short_secret_has_no_hint() -> None:
    assert str(Secret("short")) == "Secret('...')"


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "is empty"), ("a\r\nb", "line break"), ("a\x00b", "control"), ("kéy", "no key has"), (" a", "space")],
)
def test_what_cannot_be_sent_as_a_key_is_told_without_showing_it(text: str, said: str) -> None:
    assert said in (key_problem(Secret(text)) or "")


def test_a_good_key_has_no_problem() -> None:
    assert key_problem(Secret(CANARY)) is None
