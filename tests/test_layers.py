"""Where contexts come from: the environment, a configuration, and what replaces a service."""

from __future__ import annotations

import sys
from dataclasses import fields

import pytest

from llm_manager import (
    ConfigurationError,
    Context,
    HttpSettings,
    KeySettings,
    LayerFailed,
    LLMConfig,
    LLMRequest,
    ObserveSettings,
    PortkeySettings,
    Preferences,
    Secret,
    custom,
    dev,
    generate,
    live,
    provide,
    replacing,
    run,
)
from llm_manager.adapters.observers.log import LogObserver
from llm_manager.adapters.observers.plain import Only, Several, Silent
from llm_manager.testing import scripted
from llm_manager.testing.simulator import Say, Simulator

pytestmark = pytest.mark.anyio

ASK = LLMRequest(prompt="a question for the log")


def config(url: str) -> LLMConfig:
    return LLMConfig(
        keys=KeySettings(providers={"openai": (Secret("sk-canary-0123456789"),)}),
        http=HttpSettings(base_urls={"openai": f"{url}/v1"}),
    )


async def test_live_reads_the_environment_when_it_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = live()
    async with Simulator() as simulator:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
        monkeypatch.setenv("OPENAI_BASE_URL", f"{simulator.url}/v1")
        simulator.script("gpt-6.1-terra", [Say("from the environment")])
        assert (await provide(generate(ASK), layer)).unwrap().content == "from the environment"


async def test_a_wrong_environment_is_the_failure_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_TOKENS_PER_MINUTE", "many")
    assert isinstance((await provide(generate(ASK), live())).failure(), ConfigurationError)
    assert isinstance((await provide(generate(ASK), dev())).failure(), ConfigurationError)
    with pytest.raises(LayerFailed) as raised:
        async with live():
            pass
    assert isinstance(raised.value.error, ConfigurationError)


async def test_dev_shows_everything_that_happens(capsys: pytest.CaptureFixture[str]) -> None:
    async with Simulator() as simulator, dev(config(simulator.url)) as context:
        await run(generate(ASK), context)
    shown = capsys.readouterr().err
    assert "a question for the log" in shown
    assert "AttemptFinished" in shown
    assert "canary" not in shown


async def test_dev_shows_which_options_a_model_is_not_sent(capsys: pytest.CaptureFixture[str]) -> None:
    asked = LLMRequest(prompt="hi", preferences=Preferences(temperature=0.7, stop=("END",)))
    async with Simulator() as simulator, dev(config(simulator.url)) as context:
        assert (await run(generate(asked), context)).unwrap().model == "gpt-6.1-terra"
    [line] = [each for each in capsys.readouterr().err.splitlines() if "OptionsDropped" in each]
    assert all(part in line for part in ("gpt-6.1-terra", "temperature", "stop"))


async def test_a_context_logs_what_its_settings_ask_for() -> None:
    quiet = LLMConfig()
    traced = LLMConfig(observe=ObserveSettings(otel=True, traceparent=True))
    timed = LLMConfig(http=HttpSettings(portkey=PortkeySettings(timings=True)))
    loud = LLMConfig(observe=ObserveSettings(log="json"))
    kinds: list[type] = []
    for settings in (quiet, timed, loud, traced):
        async with custom(settings) as context:
            kinds.append(type(context.observer))
            assert (context.tracing is None) is (settings is not traced)
    assert kinds == [Silent, Only, LogObserver, Several]


async def test_spans_without_opentelemetry_are_a_wrong_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)  # as where the extra is not installed
    error = (await provide(generate(ASK), custom(LLMConfig(observe=ObserveSettings(otel=True))))).failure()
    assert isinstance(error, ConfigurationError)
    assert [str(problem) for problem in error.problems] == [
        "observe.otel: OpenTelemetry is not installed: pip install 'llm-manager[otel]'"
    ]


async def test_a_traceparent_without_traces_is_a_wrong_configuration() -> None:
    settings = LLMConfig(observe=ObserveSettings(traceparent=True))
    error = (await provide(generate(ASK), custom(settings))).failure()
    assert isinstance(error, ConfigurationError)
    assert [problem.path for problem in error.problems] == ["observe.traceparent"]


async def test_every_service_can_be_replaced_and_the_others_stay() -> None:
    async with scripted({"gpt": []}) as mine, scripted({"gpt": []}) as other:
        for field in fields(Context):
            if field.name in ("streams", "home", "started_s", "deadline_s", "trace_id", "run", "providers", "batches"):
                continue
            service = getattr(other, field.name)
            changed = replacing(**{field.name: service})(mine)
            assert getattr(changed, field.name) is service
            rest = [each.name for each in fields(Context) if each.name not in (field.name, "providers", "batches")]
            assert all(getattr(changed, name) is getattr(mine, name) for name in rest)
        added = replacing(providers={"openai": other.providers["custom"]})(mine)
        assert set(added.providers) == {"custom", "openai"}


async def test_two_contexts_share_nothing_and_one_layer_can_be_open_twice() -> None:
    layer = scripted({"gpt": ["x"]})
    async with layer as first, layer as second:
        assert (await run(generate(ASK), first)).unwrap().content == "x"
        assert (await run(generate(ASK), second)).unwrap().content == "x"
        assert first.cache is not second.cache
