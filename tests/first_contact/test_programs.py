"""The first ten minutes with a program: what is forgotten or mixed up is named, with what to write instead.

Type checkers say all of this before anything runs; these are for who has none yet, so every mistake here is one that
they refuse.
"""

from __future__ import annotations

import asyncio
import re
import tomllib
import traceback
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import anyio
import pytest
from returns.primitives.exceptions import UnwrapFailedError
from returns.result import Failure, Success

import llm_manager
from llm_manager import (
    AuthenticationFailed,
    BudgetExceeded,
    Context,
    LLMRequest,
    ModelUnavailable,
    Outcome,
    Preferences,
    describe,
    effect,
    generate,
    live,
    provide,
    query_with_schema,
    run,
    through,
    timeout,
)
from llm_manager.testing import scripted
from tests.first_contact.conftest import ROOT, Without

ANSWER = generate(LLMRequest(prompt="hi"))
LAYER = scripted({"gpt": ["Hello."] * 9})


def as_any(thing: object) -> Any:
    """*thing*, for a program that nobody has checked."""
    return thing


def raised(act: Callable[[], object]) -> str:
    """The last line of the traceback that *act* ends in."""
    try:
        act()
    except Exception as bad:  # noqa: BLE001  # whichever it is, it is compared
        return traceback.format_exception_only(bad)[-1].strip()
    return "nothing"


def awaited(work: Callable[[Context], Awaitable[object]]) -> str:
    """The last line of the traceback that *work* ends in, given a context."""

    async def working() -> object:
        async with LAYER as context:
            return await work(context)

    return raised(lambda: anyio.run(working))


def test_what_has_not_happened_yet_says_so_when_it_is_printed() -> None:
    assert repr(ANSWER) == (
        "<RequiresContextFutureResult: generate: nothing has happened yet, "
        "run(op, context) or provide(op, layer) makes it happen>"
    )
    assert repr(live()) == (
        "<Layer: nothing is built yet, provide(op, layer) or `async with layer as context` builds it>"
    )
    assert repr(provide(ANSWER, LAYER)) == "<Program: nothing has happened yet, await it or hand it to anyio.run>"


def test_a_layer_that_was_not_called_is_named_where_it_is_given(page: str) -> None:
    said = raised(lambda: provide(ANSWER, as_any(live)))
    assert said.startswith("TypeError: provide(op, layer) takes a layer, such as live(), and not <function live at 0x")
    assert "provide(op, layer) takes a layer, such as live(), and not" in page


def test_an_operation_that_was_not_called_is_named_where_it_is_given(page: str) -> None:
    said = raised(lambda: provide(as_any(generate), LAYER))
    wanted = "provide(op, layer) takes an operation, such as generate(request), and not"
    assert said.startswith(f"TypeError: {wanted} <function generate at 0x")
    assert wanted in page


def test_operation_and_layer_the_wrong_way_round_are_told_apart() -> None:
    said = raised(lambda: provide(as_any(LAYER), as_any(ANSWER)))
    assert said.startswith("TypeError: provide(op, layer) takes a layer, such as live(), and not <RequiresContext")


def test_a_combinator_without_its_settings_is_no_operation(page: str) -> None:
    said = raised(lambda: through(ANSWER, as_any(timeout)))
    assert said == ("TypeError: timeout takes a number of seconds, 0 or more: write timeout(20), not an operation")
    assert "timeout takes a number of seconds, 0 or more: write timeout(20), not an operation" in page


def test_a_policy_in_the_place_of_an_operation_is_none(page: str) -> None:
    said = awaited(lambda context: run(through(as_any(timeout(1)), timeout(2)), context))
    assert said.startswith("TypeError: <function timeout.<locals>.around at 0x")
    assert said.endswith("> is no operation, such as generate(request) makes: is a call missing?")
    assert "is no operation, such as generate(request) makes: is a call missing?" in page


def test_a_layer_in_the_place_of_a_context_says_what_a_layer_is(page: str) -> None:
    said = raised(lambda: anyio.run(run, ANSWER, as_any(LAYER)))
    assert said == (
        "AttributeError: a layer is no context, and has no 'strand': run(op, context) wants what a layer builds: "
        "provide(op, layer), or `async with layer as context`"
    )
    assert "a layer is no context, and has no" in page


def test_python_itself_says_these_and_the_page_explains_them(page: str) -> None:
    """Types that are not ours raise these: the words may change with their versions, and then the page does."""

    async def unpacked(context: Context) -> object:
        return await as_any(ANSWER)

    said = awaited(unpacked)  # Python 3.14 puts it in another way
    assert "TypeError" in said
    assert "RequiresContextFutureResult" in said
    assert "await" in said
    missing = "RequiresContextFutureResult.__call__() missing 1 required positional argument: 'deps'"
    assert raised(lambda: anyio.run(as_any(ANSWER))) == f"TypeError: {missing}"
    assert raised(lambda: as_any(run)(ANSWER)) == "TypeError: run() missing 1 required positional argument: 'context'"
    for said in ("can't be used in 'await' expression", missing, "run() missing 1 required positional argument"):
        assert said in page


def test_a_layer_is_opened_by_a_block_that_can_wait(page: str) -> None:
    def opened() -> None:
        with as_any(LAYER):
            pass

    said = "'Layer' object does not support the context manager protocol"
    assert raised(opened).startswith(f"TypeError: {said}")
    assert said in page


def test_unwrapping_a_failure_raises_and_the_page_says_what_to_do_instead(page: str) -> None:
    outcome = anyio.run(provide(ANSWER, scripted({"gpt": []})))
    with pytest.raises(UnwrapFailedError):
        outcome.unwrap()
    assert "UnwrapFailedError" in page


def test_asyncio_runs_a_program_that_is_called(page: str) -> None:
    program = provide(ANSWER, LAYER)
    assert asyncio.run(program()).unwrap().content == "Hello."
    assert "asyncio.run(program())" in page


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (
            {"prompt": "hi"},
            "a request is wanted, and this is a dict: write LLMRequest(prompt=...), "
            "or parse_request(mapping) for data from outside",
        ),
        (
            "hi",
            "a request is wanted, and this is a str: write LLMRequest(prompt=...), "
            "or parse_request(mapping) for data from outside",
        ),
    ],
)
def test_what_is_no_request_is_told_with_what_to_write(request_: Any, said: str, page: str) -> None:
    assert awaited(lambda context: run(generate(request_), context)) == f"TypeError: {said}"
    assert said in page


def nameless(said: str) -> str:
    """What is said of a request, without the name that chance gave it."""
    return re.sub(r" \(request [0-9a-f]{13}\)$", "", said)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (
            LLMRequest(prompt="hi", preferences=as_any({"model": "gpt"})),
            "preferences: is a dict: write Preferences(model=...), or parse_request(mapping) for data from outside",
        ),
        (
            LLMRequest(messages=as_any([{"role": "user", "content": "hi"}])),
            "messages.0: is a dict: write Message(role=...), or parse_request(mapping) for data from outside",
        ),
    ],
)
def test_what_is_no_value_of_a_field_is_a_failure_with_what_to_write(
    request_: LLMRequest, said: str, page: str
) -> None:
    outcome = anyio.run(provide(generate(request_), LAYER))
    assert nameless(describe(outcome.failure())) == f"the request is invalid: {said}"
    assert said in page


def test_the_fields_of_a_request_have_names(page: str) -> None:
    said = "LLMRequest.__init__() takes 1 positional argument but 2 were given"
    assert raised(lambda: as_any(LLMRequest)("hi")) == f"TypeError: {said}"
    assert said in page


def test_a_json_schema_is_no_type(page: str) -> None:
    said = "a schema is a type, such as a dataclass, and not a dict: LLMRequest(response_format=JsonSchema(...))"
    schema: Any = {"type": "object"}
    assert raised(lambda: query_with_schema(LLMRequest(prompt="hi"), schema)) == (
        f"TypeError: {said} sends a JSON schema as it is"
    )
    assert said in page


def test_a_name_that_is_not_there_is_met_with_one_that_is() -> None:
    with pytest.raises(AttributeError, match="generate_streams"):
        _ = as_any(llm_manager).generate_streams


def test_a_script_that_is_one_text_is_refused_and_not_read_letter_by_letter(page: str) -> None:
    said = "the script of 'gpt' is a str: give a list of lines, such as ['Hi.']"
    assert raised(lambda: scripted(as_any({"gpt": "Hello."}))) == f"TypeError: {said}"
    assert "give a list of lines, such as" in page


def test_a_script_that_has_run_out_says_how_long_it_was() -> None:
    async def asking(context: Context) -> Outcome[object, Any]:
        await run(generate(LLMRequest(prompt="one")), context)
        return await run(generate(LLMRequest(prompt="two")), context)

    outcome = anyio.run(provide(effect(asking), scripted({"gpt": ["Hello."]})))
    said = "its script has no more lines: scripted() gave it 1, and this is request 2"
    assert outcome == Failure(ModelUnavailable("gpt", said))
    assert describe(outcome.failure()) == (
        f"gpt is not available ({said}): check its name and that this account may use it"
    )


def test_a_script_for_another_model_is_not_read_for_the_one_that_is_asked(page: str) -> None:
    only = LLMRequest(prompt="hi", preferences=Preferences(model="gpt", fallback="none"))
    outcome = anyio.run(provide(generate(only), scripted({"gtp": ["Hello."]})))
    assert isinstance(outcome.failure(), AuthenticationFailed)
    said = "no key for openai is configured"
    assert said in describe(outcome.failure())
    assert said in page


def test_an_unknown_model_is_met_with_those_like_it() -> None:
    outcome = anyio.run(provide(generate(LLMRequest(prompt="hi", preferences=Preferences(model="gtp"))), LAYER))
    assert nameless(describe(outcome.failure())) == (
        "the request is invalid: preferences.model: unknown model 'gtp'; did you mean gpt or gpt-5? "
        "(write provider/model for one that is not in the catalog)"
    )


def test_with_nothing_configured_a_program_fails_with_what_to_set() -> None:
    outcome = anyio.run(provide(ANSWER, live()))
    assert describe(outcome.failure()) == (
        "the configuration is wrong: keys.providers: no provider is configured: set one of PORTKEY_API_KEY, "
        "OPENAI_API_KEY, GROQ_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY, OLLAMA_HOST, LM_STUDIO_URL, LLAMA_MODEL_PATH"
        ", or another variable that `llm-manager config` lists"
    )


def test_an_answer_and_an_error_can_be_read_when_they_are_printed() -> None:
    assert repr(Failure(BudgetExceeded(None, 0.25, "its price is not known"))) == (
        "<Failure: BudgetExceeded(limit_usd=None, spent_usd=0.25, message='its price is not known', reserved_usd=0.0)>"
    )
    assert repr(anyio.run(provide(ANSWER, LAYER))).startswith("<Success: LLMResponse(content='Hello.', model='gpt'")
    assert isinstance(anyio.run(provide(ANSWER, LAYER)), Success)


def test_a_budget_that_refuses_an_unknown_price_names_no_limit_of_nothing() -> None:
    said = "what gpt costs is not known: set its price, or budget.unknown_prices = 'allow'"
    assert describe(BudgetExceeded(None, 0.0, said)) == f"the budget does not allow what may cost anything ({said})"
    assert describe(BudgetExceeded(None, 0.0)) == "the budget does not allow what may cost anything: set a price"
    assert describe(BudgetExceeded(1.0, 0.5)) == (
        "the budget of 1.0000 USD does not allow it, 0.5000 are spent: raise the budget, or lower max_tokens"
    )


def test_each_package_that_python_may_miss_is_on_the_page_with_the_extra_that_brings_it(page: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    rows = re.findall(r"`No module named '(\w+)'`[^|]*\| `pip install 'llm-manager\[(\w+)\]'`", page)
    assert [package for package, _ in rows] == ["hypothesis", "opentelemetry", "ray", "genai_prices"]
    for package, extra in rows:
        brought = project["optional-dependencies"][extra]
        assert any(each.startswith(package.replace("_", "-")) for each in brought)


def test_prices_without_their_extra_raise_what_the_page_names(without: Without) -> None:
    without("genai_prices")
    said = raised(lambda: llm_manager.priced(llm_manager.LLMConfig(), on=date(2026, 11, 21)))
    assert said.startswith("ModuleNotFoundError: ")


def test_a_store_without_its_extra_names_it(without: Without) -> None:
    without("hiredis")
    said = "redis.url: hiredis is not installed: pip install 'llm-manager[redis]'"
    assert raised(lambda: llm_manager.redis_cache("redis://127.0.0.1:1")) == f"ValueError: {said}"
