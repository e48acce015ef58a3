"""What must not happen whatever anybody sends: the points of the security checklist that no other room proves.

``docs/explanation/reliability.md`` lists all of them, each with its test.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

import llm_manager
from llm_manager import (
    CacheSettings,
    HttpSettings,
    ImagePart,
    KeySettings,
    LLMConfig,
    LLMRequest,
    LLMResponse,
    Message,
    ModelSettings,
    PortkeySettings,
    Preferences,
    Secret,
    TextPart,
    UnsupportedCapability,
    custom,
    generate,
    query_with_schema,
    run,
)
from llm_manager.extraction import extract_json, recover_json
from llm_manager.testing.simulator import Fault, Say, Simulator, Status
from tests.providers.checks import ASK, Provider
from tests.providers.providers import PROVIDERS

pytestmark = pytest.mark.anyio

SOURCE = Path(llm_manager.__file__).parent
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(SOURCE.rglob("*.py"))}

UNSAFE_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "yaml", "subprocess"}
UNSAFE_CALLS = {"eval", "exec", "compile", "__import__"}


def found(kind: type[ast.AST]) -> Iterator[ast.AST]:
    """Every node of one *kind* in the library."""
    return (node for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, kind))


def test_nothing_that_was_read_can_run_pickles_yaml_and_evaluation_are_not_used() -> None:
    imported = {alias.name.partition(".")[0] for node in found(ast.Import) for alias in getattr(node, "names", ())}
    imported |= {str(getattr(node, "module", "")).partition(".")[0] for node in found(ast.ImportFrom)}
    called = {getattr(getattr(node, "func", None), "id", "") for node in found(ast.Call)}
    assert (imported & UNSAFE_MODULES, called & UNSAFE_CALLS) == (set(), set())


def test_sql_is_written_in_the_source_and_values_are_bound() -> None:
    """What is put together at run time is a setting, which takes no parameters, of numbers and names of our own."""
    statements = [
        node.args[0]
        for node in found(ast.Call)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if node.func.attr in ("execute", "executemany", "executescript", "rows", "change") and node.args
    ]
    assert statements
    for statement in statements:
        if isinstance(statement, ast.Call):  # the marks of another driver for the same statement
            assert ast.unparse(statement) == "_marked(statement)"
        elif isinstance(statement, ast.JoinedStr):
            begins = statement.values[0]
            assert isinstance(begins, ast.Constant)
            assert str(begins.value).startswith(("PRAGMA ", "SET LOCAL "))
        else:
            assert isinstance(statement, ast.Constant | ast.Name | ast.Attribute), ast.unparse(statement)


def test_no_wall_clock_decides_anything() -> None:
    """The context's clock decides, which nobody can set; a turn of a conversation and a line of the log have a date."""
    asked = {
        (path.name, ast.unparse(node.func))
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    }
    walls = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
    assert {call for call in asked if call[1] in walls} == {("system.py", "time.time")}
    assert ("system.py", "time.monotonic") in asked


def two_vendors(first: str, second: str) -> LLMConfig:
    """The second one is asked when the first one fails, and each has a key of its own."""
    return LLMConfig(
        models={
            "one": ModelSettings(provider="openai", model="gpt-4o"),
            "two": ModelSettings(provider="groq", model="llama"),
        },
        routing=llm_manager.RoutingSettings(chains={"general": ("two",)}),
        keys=KeySettings(providers={"openai": (Secret("key-of-the-first"),), "groq": (Secret("key-of-the-second"),)}),
        http=HttpSettings(base_urls={"openai": f"{first}/v1", "groq": f"{second}/openai/v1"}),
    )


async def test_a_key_goes_to_the_address_of_its_provider_and_to_no_other() -> None:
    async with Simulator() as first, Simulator() as second:
        first.script("gpt-4o", [Status(404)])
        async with custom(two_vendors(first.url, second.url)) as context:
            request = LLMRequest(prompt="hi", preferences=Preferences(model="one"))
            assert (await run(generate(request), context)).unwrap().model == "llama"
        seen = [{each.headers["authorization"] for each in server.received} for server in (first, second)]
    assert seen == [{"Bearer key-of-the-first"}, {"Bearer key-of-the-second"}]


@pytest.mark.parametrize("engine", ["httpx2", "aiohttp"])
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_no_netrc_adds_a_password_to_a_request(
    engine: str, anyio_backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert anyio_backend == "asyncio", "the fast engine knows no other loop"
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password canary\ndefault login me password canary\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with Simulator() as simulator:
        config = LLMConfig(
            models={"mine": ModelSettings(provider="lm_studio", model="local")},
            http=HttpSettings(
                engine="aiohttp" if engine == "aiohttp" else "httpx2", base_urls={"lm_studio": f"{simulator.url}/v1"}
            ),
        )
        async with custom(config) as context:
            await run(generate(ASK), context)
        assert ["authorization" in each.headers for each in simulator.received] == [False]


UNPRINTABLE = {"CR": "\r", "LF": "\n", "NUL": "\x00", "a header": "\r\nx-injected: 1"}

INJECTIONS: dict[str, Callable[[LLMConfig, str], LLMConfig]] = {
    "key": lambda config, bad: replace(config, keys=KeySettings(providers={"openai": (Secret(f"key{bad}x"),)})),
    "key of the gateway": lambda config, bad: replace(
        gateway(config), keys=KeySettings(providers={"portkey": (Secret(f"key{bad}x"),)})
    ),
    "virtual key": lambda config, bad: replace(
        gateway(config),
        models={"mine": ModelSettings(provider="openai", model="gpt-4o", virtual_key=Secret(f"slug{bad}x"))},
    ),
    "metadata of the gateway": lambda config, bad: replace(
        gateway(config),
        http=replace(gateway(config).http, portkey=PortkeySettings(config=f"pc{bad}x")),
    ),
}


def gateway(config: LLMConfig) -> LLMConfig:
    """*config*, by way of the gateway at the same address."""
    http = replace(config.http, base_urls={"portkey": config.http.base_urls["openai"]})
    return replace(config, http=http, keys=KeySettings(providers={"portkey": (Secret("key-of-the-gateway"),)}))


@pytest.mark.parametrize("bad", UNPRINTABLE)
@pytest.mark.parametrize("place", INJECTIONS)
async def test_no_line_break_reaches_a_header(place: str, bad: str) -> None:
    async with Simulator() as simulator:
        plain = PROVIDERS["OpenAI"].config(simulator.url)
        async with custom(INJECTIONS[place](plain, UNPRINTABLE[bad])) as context:
            failed = await run(generate(ASK), context)
            assert failed.failure().tag in ("InvalidRequest", "ConfigurationError", "AuthenticationFailed")
        assert simulator.received == []


@pytest.mark.parametrize("bad", UNPRINTABLE)
async def test_no_line_break_is_part_of_a_models_name(bad: str) -> None:
    async with Simulator() as simulator, custom(PROVIDERS["OpenAI"].config(simulator.url)) as context:
        request = replace(ASK, preferences=Preferences(model=f"openai/gpt{UNPRINTABLE[bad]}4", fallback="none"))
        assert (await run(generate(request), context)).failure().tag == "InvalidRequest"
        assert simulator.received == []


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)
async def test_a_picture_is_fetched_by_the_provider_or_by_nobody(provider: Provider) -> None:
    async with Simulator() as sink, Simulator() as simulator:
        picture = f"{sink.url}/latest/meta-data/picture.png"
        seen = Message(role="user", content=(TextPart("What is this?"), ImagePart(url=picture)))
        config = provider.config(simulator.url)
        models = {
            name: replace(settings, capabilities=frozenset({"vision"})) for name, settings in config.models.items()
        }
        async with custom(replace(config, models=models)) as context:
            outcome = await run(generate(replace(ASK, messages=(seen,))), context)
        passed_on = [picture.encode() in each.body for each in simulator.received]
        assert sink.received == []
        refused = isinstance(outcome.value_or(None) or outcome.failure(), UnsupportedCapability)
        assert passed_on == ([] if refused else [True])


async def test_two_tenants_who_ask_the_same_never_share_an_answer() -> None:
    async with Simulator() as simulator, custom(PROVIDERS["OpenAI"].config(simulator.url)) as context:
        simulator.script("gpt-4o", [Say("for the first"), Say("for the second")])
        told = [
            (await run(generate(replace(ASK, namespace=tenant)), context)).unwrap().content
            for tenant in ("first", "second", "first", "second")
        ]
    assert told == ["for the first", "for the second"] * 2


TEMPLATES = "{0.__class__.__init__.__globals__} {prompt} %(prompt)s %s ${HOME} {{ 7*7 }} __import__('os').system('id')"


async def test_what_a_model_says_is_text_and_never_a_template_or_a_program() -> None:
    """It comes back as it was said, and goes back into the conversation of a second asking as it was said."""
    config = replace(PROVIDERS["OpenAI"].config("http://unused"), cache=CacheSettings(enabled=False))
    async with Simulator() as simulator:
        config = replace(config, http=HttpSettings(base_urls={"openai": f"{simulator.url}/v1"}))
        simulator.script("gpt-4o", [Say(TEMPLATES), Say(TEMPLATES), Say('{"sky": "blue"}')])
        async with custom(config) as context:
            said: LLMResponse = (await run(generate(ASK), context)).unwrap()
            await run(query_with_schema(ASK, dict[str, str]), context)
        asked_again = simulator.received[-1].json["messages"]
    assert said.content == TEMPLATES
    assert [message["content"] for message in asked_again if message["role"] == "assistant"] == [TEMPLATES]


def counting_s() -> float:
    """How long a loop takes that takes 16 ms of a quiet processor: others on the machine slow both down alike."""
    begun_s = time.process_time()
    sum(number * number for number in range(500_000))
    return time.process_time() - begun_s


def is_quick(work: Callable[[], object]) -> bool:
    before_s, begun_s = counting_s(), time.process_time()
    work()
    return time.process_time() - begun_s <= max(1.5, 150 * max(before_s, counting_s()))


@pytest.mark.parametrize("unit", ["{", '{"a":', '"', "```json\n{", '{\\"', "<think>", "{a: x, ", '["a"“)'])
def test_a_mebibyte_of_hostile_text_takes_a_second_and_not_minutes(unit: str) -> None:
    """The worst takes 0.9 s of a quiet processor: sixty times the loop. What is quadratic takes hours, so the bound is
    wide, and the best of three tries counts, for others use this processor too."""
    text = unit * (1024 * 1024 // len(unit))
    for looked in (extract_json, recover_json):
        assert any(is_quick(partial(looked, text)) for _ in range(3))


async def test_a_redirect_to_this_machine_is_no_way_in() -> None:
    """A vendor that sends us to an address of ours, such as that of a cloud's credentials, sends us nowhere."""
    async with Simulator() as inside, Simulator() as simulator:
        simulator.script("gpt-4o", [Fault("redirect", location=f"{inside.url}/latest/meta-data/")])
        async with custom(PROVIDERS["OpenAI"].config(simulator.url)) as context:
            assert (await run(generate(ASK), context)).failure().tag == "MalformedResponse"
        assert inside.received == []
