"""One request as one model is asked it: in the form its schema takes there, and the answer brought back from it."""

from __future__ import annotations

from dataclasses import dataclass

from returns.result import Failure, Success

from llm_manager.domain.catalog import SamplingOption
from llm_manager.domain.changed import changed
from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.paid import Payable
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import LLMResponse, SchemaMode, Usage
from llm_manager.domain.target import Target
from llm_manager.domain.tokens import TokenRange
from llm_manager.policies.pricing import price_of
from llm_manager.policies.prompt_estimate import prompt_tokens
from llm_manager.policies.sampling import dropped_options, refused_options, without_options
from llm_manager.policies.schema_mode import fitted, mode_for, unfitted
from llm_manager.policies.token_estimate import token_range


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """*request* to *target*; *sent* is the form in which it goes there, without the sampling options that *target* does
    not take, and *mode* that of its schema, None without one. *dropped* are the options whose absence has an effect."""

    request: LLMRequest
    target: Target
    mode: SchemaMode | None
    sent: LLMRequest
    dropped: tuple[SamplingOption, ...] = ()


def asked_of(request: LLMRequest, target: Target) -> Asked:
    """*request* as *target* takes it: in the strongest form that it has for a schema, without options it refuses.

    A request that is to be refused instead (``unsupported="refuse"``) does not get here: its model is skipped.
    """
    mode = mode_for(request, target)
    refused = refused_options(request, target)
    if not refused:
        return Asked(request=request, target=target, mode=mode, sent=fitted(request, mode))
    sent = fitted(without_options(request, refused), mode)
    return Asked(request=request, target=target, mode=mode, sent=sent, dropped=dropped_options(request, target))


def sent_tokens(request: LLMRequest, target: Target) -> TokenRange:
    """How many prompt tokens *request* is to *target*, its schema included in the form it takes there."""
    return prompt_tokens(asked_of(request, target).sent, target.model)


@dataclass(frozen=True, slots=True)
class Written:
    """What a model has written: *text*, which is its answer and the calls of tools, and the *reasoning* before it."""

    text: str = ""
    reasoning: str = ""


def settled(asked: Asked, outcome: Outcome[LLMResponse, LLMError]) -> Outcome[LLMResponse, LLMError]:
    """What a provider gave: the answer as :func:`completed` has it, or the error, with a price for what was used."""
    if isinstance(outcome, Success):
        return Success(completed(asked, outcome.unwrap()))
    return Failure(refused(asked, outcome.failure()))


def completed(asked: Asked, response: LLMResponse) -> LLMResponse:
    """The answer as the native form would have given it, with a price, and with an estimate where the provider told
    no usage."""
    answer = unfitted(response, asked.request, asked.mode)
    return changed(answer, usage=usage_of(asked, response.usage, _written(response)))


def refused(asked: Asked, error: LLMError, written: Written | None = None) -> LLMError:
    """*error*, with a price for what the provider says was used for the answer that it came with."""
    if not isinstance(error, Payable) or error.usage is None:
        return error
    return changed(error, usage=usage_of(asked, error.usage, written or Written()))


def _written(response: LLMResponse) -> Written:
    calls = [text for call in response.tool_calls for text in (call.name, call.arguments)]
    return Written("".join((response.content, *calls)), response.reasoning)


def usage_of(asked: Asked, told: Usage, written: Written) -> Usage:
    """What was used for what was *written*, priced: as the provider *told*, and estimated where it did not."""
    usage = told
    if told.prompt_tokens is None or told.completion_tokens is None:
        prompt = told.prompt_tokens
        if prompt is None:
            prompt = prompt_tokens(asked.sent, asked.target.model).likely
        usage = changed(told, prompt_tokens=prompt, estimated=True)
        if told.completion_tokens is None:
            thought, said = (token_range(text, asked.target.model).likely for text in (written.reasoning, written.text))
            usage = _at_least(usage, thought, said)
        usage = changed(usage, total_tokens=prompt + (usage.completion_tokens or 0))
    cost = price_of(asked.target.facts, usage)
    return usage if cost is usage.cost else changed(usage, cost=cost)


def usage_so_far(asked: Asked, told: Usage, written: Written) -> Usage:
    """What had been used when so much was *written*: at least that, whatever the provider had *told*. No bill will
    come, so it counts for the most tokens that it can be."""
    thought, said = (token_range(text, asked.target.model).high for text in (written.reasoning, written.text))
    usage = usage_of(asked, _at_least(told, thought, said), written)
    total = (usage.prompt_tokens or 0) + (usage.completion_tokens or 0)
    return changed(usage, total_tokens=total, estimated=True)


def _at_least(told: Usage, thought: int, said: int) -> Usage:
    """*told*, with no fewer tokens than were *thought* and *said*."""
    completion = max(told.completion_tokens or 0, said + thought)
    reasoning = max(told.reasoning_tokens or 0, thought) if thought else told.reasoning_tokens
    return changed(told, completion_tokens=completion, reasoning_tokens=reasoning)


def longest_answer_tokens(request: LLMRequest, target: Target) -> int | None:
    """How long the answer to *request* can be: as long as it says, else as the wire is told, else as *target* can."""
    return request.preferences.max_tokens or target.default_max_tokens or target.facts.max_output_tokens


def reserved_tokens(request: LLMRequest, target: Target, likely_tokens: int, capacity_tokens: int | None) -> float:
    """What a limiter whose bucket holds *capacity_tokens* reserves for *request*: its prompt, which is probably so many
    tokens, and its longest answer.

    A longest answer that nobody asked for, the model's own, does not make a request impossible: where it leaves no
    room for the prompt in a full bucket, the whole bucket is reserved, and a request is let in when it is full. A
    prompt that is too large alone, or with the ``max_tokens`` of the request, is too large.
    """
    wanted = likely_tokens + (longest_answer_tokens(request, target) or 0)
    if capacity_tokens is None or request.preferences.max_tokens is not None:
        return float(wanted)
    return float(max(likely_tokens, min(wanted, capacity_tokens)))
