"""``demo``: the main job from end to end, on vendors that are played by a server on this machine."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import Literal

import anyio
from returns.result import Failure

from llm_manager import (
    Context,
    HttpSettings,
    KeySettings,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMResponse,
    ModelSettings,
    Outcome,
    Preferences,
    RetrySettings,
    Secret,
    StreamFinished,
    UnknownCost,
    custom,
    describe,
    generate,
    generate_stream,
    get_metrics,
    plan,
    query_multiple,
    query_with_schema,
    run,
    texts,
)
from llm_manager.cli.ask import plan_text
from llm_manager.cli.show import FAILED, dollars, print_line, print_painted, print_text, seconds
from llm_manager.testing.simulator import Say, Simulator, Status


@dataclass(frozen=True)
class Anomaly:
    """What the schema step asks for."""

    metric: str
    severity: Literal["low", "medium", "high"]
    score: float


QUESTION = LLMRequest(prompt="Why did the error rate jump at noon?", task_type="analysis")


def demo(arguments: argparse.Namespace) -> int:
    """Show it; fails when any step does not come out as it must."""
    return anyio.run(_demo, arguments.portkey, arguments.gguf)


async def _demo(portkey: str | None, gguf: str | None) -> int:
    async with Simulator() as simulator:
        _write_script(simulator)
        async with custom(_config(simulator, portkey, gguf)) as context:
            way = f"through the Portkey gateway at {portkey}" if portkey else "directly"
            _say(f"Simulated vendors on {simulator.url}, reached {way}.")
            passed = [await step(context) for step in (_plan, _fall_back, _ask_again, _stream, _schema, _compare)]
            if gguf is not None:
                passed.append(await _local(context))
            await _account(context)
    _say("\nAll of it worked." if all(passed) else "\nA step did not come out as it must.")
    return 0 if all(passed) else FAILED


def _write_script(simulator: Simulator) -> None:
    simulator.script("claude-sonnet-5-5", [Status(503, None, "overloaded"), Status(503, None, "overloaded")])
    simulator.script(
        "gpt-6.1-terra",
        [
            Say("A deploy at 11:58 doubled the number of retries."),
            Say("Roll the deploy back, then look at the retries.", gap_s=0.03),
            Say('Sure! {"metric": "error_rate", "severity": "severe", "score": "high"}'),
            Say('```json\n{"metric": "error_rate", "severity": "high", "score": 0.93,}\n```'),
            Say("A deploy."),
        ],
    )
    simulator.script("openai/gpt-oss-120b", [Say("Probably the deploy.")])


def _config(simulator: Simulator, portkey: str | None, gguf: str | None) -> LLMConfig:
    key = (Secret("demo-key-that-opens-nothing"),)
    vendors = f"{simulator.url}/v1"
    urls = {"openai": vendors, "anthropic": vendors, "groq": vendors}
    models: dict[str, ModelSettings] = {}
    if portkey is not None:
        urls["portkey"] = portkey
    if gguf is not None:
        models["llama"] = ModelSettings(provider="llama_cpp", path=gguf, context_tokens=1024)
    return LLMConfig(
        models=models,
        keys=KeySettings(providers={"openai": key, "anthropic": key, "groq": key}),
        http=HttpSettings(base_urls=urls),
        retry=RetrySettings(max_retries=1, base_s=0.1),
    )


async def _plan(context: Context) -> bool:
    _title("What would happen", "plan(request)")
    outcome = await run(plan(QUESTION), context)
    if isinstance(outcome, Failure):
        return _failed(outcome.failure())
    _say(plan_text(outcome.unwrap()))
    return True


async def _fall_back(context: Context) -> bool:
    _title("The first model is down, the next one answers", "generate(request)")
    outcome = await run(generate(QUESTION), context)
    return shown(outcome) and outcome.unwrap().model == "gpt-6.1-terra"


async def _ask_again(context: Context) -> bool:
    _title("The same question again comes from the cache", "generate(request)")
    outcome = await run(generate(QUESTION), context)
    return shown(outcome) and outcome.unwrap().metadata.cached


async def _stream(context: Context) -> bool:
    _title("An answer while it comes", "generate_stream(request)")
    request = LLMRequest(prompt="What should we do?", preferences=Preferences(model="gpt"))
    opened = await run(generate_stream(request), context)
    if isinstance(opened, Failure):
        return _failed(opened.failure())
    print_text("  -> ")
    async with opened.unwrap() as answer:
        async for text in texts(answer):
            print_text(text)
        _say(f"  [{answer.model}]")
        return isinstance(answer.ended, StreamFinished)


async def _schema(context: Context) -> bool:
    _title("A value of a type; the first answer does not fit and is asked again", "query_with_schema(request, Anomaly)")
    request = LLMRequest(prompt="Describe the anomaly.", preferences=Preferences(model="gpt"))
    outcome = await run(query_with_schema(request, Anomaly), context)
    if isinstance(outcome, Failure):
        return _failed(outcome.failure())
    _say(f"  {outcome.unwrap()}")
    return True


async def _compare(context: Context) -> bool:
    _title("Several models at once; one failure loses nothing", "query_multiple(request, models)")
    models = ("gpt", "openai/gpt-oss-120b", "no-such-model")
    outcomes = (await run(query_multiple(LLMRequest(prompt="One word: why?"), models), context)).unwrap()
    for model, outcome in zip(models, outcomes, strict=True):
        said = describe(outcome.failure()) if isinstance(outcome, Failure) else outcome.unwrap().content
        _say(f"  {model:20} {said}")
    return len(outcomes) == len(models) and isinstance(outcomes[-1], Failure)


async def _local(context: Context) -> bool:
    _title("A model in this process, held to a schema by a grammar", 'query_with_schema(request, bool), model="llama"')
    wish = Preferences(model="llama", fallback="none", max_tokens=200, seed=1)
    outcome = await run(query_with_schema(LLMRequest(prompt="Is it noon?", preferences=wish), bool), context)
    if isinstance(outcome, Failure):
        return _failed(outcome.failure())
    _say(f"  {outcome.unwrap()}")
    return True


async def _account(context: Context) -> None:
    _title("What it took", "get_metrics()")
    metrics = (await run(get_metrics(), context)).unwrap()
    for model, each in metrics.models.items():
        cost = None if isinstance(each.cost, UnknownCost) else each.cost.usd
        _say(f"  {model:20} {each.requests} sent, {each.successes} answered, {dollars(cost)}")
    _say(f"  cache: {metrics.cache_hits} hits, {metrics.cache_misses} misses")


def shown(outcome: Outcome[LLMResponse, LLMError]) -> bool:
    if isinstance(outcome, Failure):
        return _failed(outcome.failure())
    response = outcome.unwrap()
    for line in response.metadata.attempts:
        _say(f"  {line.model:20} {line.outcome:20} {seconds(line.latency_ms / 1000)}")
    _say(f"  -> {response.content}  [{response.model}{', cached' if response.metadata.cached else ''}]")
    return True


def _failed(error: LLMError) -> bool:
    _say(f"  failed: {describe(error)}")
    return False


def _title(what: str, code: str) -> None:
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print_painted(f"\n{bold}{what}{plain}\n  {code}")


def _say(text: str) -> None:
    print_line(text)
