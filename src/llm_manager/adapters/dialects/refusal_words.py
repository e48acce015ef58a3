"""What vendors and servers call their refusals, one table for each: codes where they have some, else patterns.

A pattern may hold the groups ``asked`` and ``window`` (tokens of the prompt, and the most there may be), and ``name``
(a parameter). A row is looked at whichever wire it comes by: gateways pass on the words of others. To add one, say
where it was seen, and put a body of it into ``tests/adapters/refusals.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Meaning: TypeAlias = Literal[
    "window", "quota", "rate", "unmade", "schema", "parameter", "vision", "tools", "model", "filtered", "key", "closed"
]
"""``unmade`` is what the model began and could not make, a call or JSON; ``closed`` an account that may not ask."""

MADE_BY_CALLER: Final = frozenset({400, 404, 413, 422, 500})
"""Statuses under which a sentence is read. Some servers answer what they cannot do with 500."""

ACCOUNTS: Final = frozenset({400, 403, 412, 429, 500})
"""And one about the account."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words that mean *meaning* under one of the statuses *at*: a *pattern* in which case does not count."""

    meaning: Meaning
    pattern: str
    at: frozenset[int] = MADE_BY_CALLER


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The refusals of one *vendor*, as its page or its server *source* had them on the day *as_of*."""

    vendor: str
    source: str
    as_of: str
    codes: Mapping[str, Meaning]
    sentences: tuple[Sentence, ...] = ()


def _says(meaning: Meaning, pattern: str, at: frozenset[int] = MADE_BY_CALLER) -> Sentence:
    return Sentence(meaning, pattern, at)


_N: Final = r"\d{1,3}(?:,\d{3}){1,3}|\d{1,10}"
_ASKED: Final = rf"(?P<asked>{_N})"
_WINDOW: Final = rf"(?P<window>{_N})"

OPENAI: Final = Vocabulary(
    vendor="OpenAI and Azure OpenAI",
    source='OpenAI, "Error codes" and "Structured model outputs"; Azure, "Content filtering"',
    as_of="2026-12-01",
    codes={
        "context_length_exceeded": "window",
        "insufficient_quota": "quota",
        "billing_hard_limit_reached": "quota",
        "billing_not_active": "quota",
        "credit_balance_exhausted": "quota",
        "organization_spend_limit_exceeded": "quota",
        "project_spend_limit_exceeded": "quota",
        "organization_usage_limit_exceeded": "quota",
        "rate_limit_exceeded": "rate",
        "slow_down": "rate",
        "model_not_found": "model",
        "model_not_active": "model",
        "deploymentnotfound": "model",
        "content_filter": "filtered",
        "content_policy_violation": "filtered",
        "responsible_ai_policy_violation": "filtered",
        "responsibleaipolicyviolation": "filtered",
        "invalid_json_schema": "schema",
        "unsupported_parameter": "parameter",
        "unsupported_value": "parameter",
    },
    sentences=(
        _says(
            "window",
            rf"maximum context length is {_WINDOW} tokens.{{0,80}}?"
            rf"(?:requested(?: about)?|resulted in) {_ASKED} tokens",
        ),
        _says("window", r"content'?: string too long"),  # an id of a call can be too long, too
        _says("schema", r"invalid schema for response_format"),
        _says("tools", r"function tools with reasoning_effort are not supported"),
        _says("schema", r"response_format.{0,40}(?:json_schema|json_object).{0,20} is not supported"),
        _says("parameter", r"unsupported (?:parameter|value): '(?P<name>\w{1,40})'"),
    ),
)

GROQ: Final = Vocabulary(
    vendor="Groq",
    source='Groq, "API Error Codes and Responses"; continuedev/continue#10218, pydantic/pydantic-ai#4354 (2026)',
    as_of="2026-12-01",
    codes={
        "tool_use_failed": "unmade",
        "json_validate_failed": "unmade",
        "output_parse_failed": "unmade",
        "model_decommissioned": "model",
        "model_terms_required": "closed",
        "organization_restricted": "closed",
        "blocked_api_access": "quota",
    },
    sentences=(
        _says("rate", r"request too large for model .{1,200}(?:tokens|requests) per (?:minute|day)"),
        _says("parameter", r"property '(?:\w{1,40}\.){0,3}(?P<name>\w{1,40})' is (?:unsupported|not supported)"),
        _says("schema", r"does not support response format `?json_schema"),
    ),
)

ANTHROPIC: Final = Vocabulary(
    vendor="Anthropic",
    source='Anthropic, "Errors"; anthropics/claude-code#66314, #38035 (2026), continuedev/continue#6080 (2025)',
    as_of="2026-12-01",
    codes={"billing_error": "quota"},
    sentences=(
        _says("window", rf"prompt is too long: {_ASKED} tokens > {_WINDOW} maximum"),
        _says("window", rf"input length and `max_tokens` exceed context limit: {_ASKED} \+ (?:{_N}) > {_WINDOW}"),
        _says("window", r"prompt is too long$|prompt is too long[.,]|exceeds? (?:the )?context window"),
        _says("quota", r"credit balance is too low", ACCOUNTS),
        _says("quota", r"reached your specified (?:\w{1,20} )?api usage limits?", ACCOUNTS),
        _says("quota", r"(?:spend|spending|usage) limit.{0,40}regain access on", ACCOUNTS),
        _says("quota", r"(?:extra usage is|usage credits are) required for", ACCOUNTS),
        _says("closed", r"this organization has been disabled", ACCOUNTS),
        _says(
            "parameter",
            r"`(?P<name>temperature|top_p|top_k|stop_sequences)` (?:is deprecated|"
            r"may not|is not supp)",
        ),
        _says("parameter", r"(?P<name>tool_choice): .{0,40}not supported for this model"),
        _says("parameter", r"thinking may not be enabled when (?P<name>tool_choice) forces"),
        _says("parameter", r"`(?P<name>temperature)` and `top_p` cannot both be specified"),
        _says("schema", r"output_config\.format|output_format[.:]"),
        _says("schema", r"grammar (?:is too large|compilation timed out)|schema is too complex"),
    ),
)

GOOGLE: Final = Vocabulary(
    vendor="Google",
    source='Gemini API, "Troubleshooting"; google-gemini/gemini-cli, texts of 400 and 429',
    as_of="2026-12-01",
    codes={},
    sentences=(
        _says(
            "window",
            rf"token count(?: \({_ASKED}\))? exceeds the maximum number of tokens allowed(?: \(?{_WINDOW}\)?)?",
        ),
        _says("window", rf"input token count is {_ASKED} but model only supports up to {_WINDOW}"),
        _says("key", r"api key not valid|api key expired", frozenset({400})),
        _says("quota", r"prepa(?:id|yment) credits are depleted|exceeded its (?:monthly )?spending cap", ACCOUNTS),
        _says("schema", r"schema produces a constraint that has too many states"),
        _says("tools", r"function calling is not enabled"),
    ),
)

LLAMA_CPP: Final = Vocabulary(
    vendor="llama.cpp and llama-cpp-python",
    source="llama-server b11549, llama-cpp-python 0.3.36; ggml-org/llama.cpp#15780, #13566",
    as_of="2026-11-30",
    codes={"exceed_context_size_error": "window"},
    sentences=(
        _says("window", r"request(?: \((?P<asked>\d{1,10}) tokens\))? exceeds the available context size"),
        _says("window", r"input is (?:larger than the max context size|too large to process)"),
        _says("unmade", r"failed to parse (?:tool call arguments|input at pos)"),
        _says("window", rf"requested tokens \({_ASKED}\) exceed context window of {_WINDOW}"),
        _says("vision", r"(?:image|audio|multimodal) input is not supported|does not support multimodal"),
        _says("vision", r"unsupported content part type|not configured with a mmproj"),
        _says(
            "schema",
            r"(?:failed|unable|error) (?:to )?(?:pars|initializ|convert|"
            r"load)\w* (?:\w{1,12} )?(?:grammar|json.?schema)",
        ),
        _says("schema", r"json schema conversion failed|unrecognized schema|failed to parse grammar|invalid grammar"),
        _says("tools", r"tools? param\w* requires? --jinja|does not support tools"),
    ),
)

VLLM: Final = Vocabulary(
    vendor="vLLM",
    source="vLLM 0.32, its front end of chat completions; vllm-project/vllm#12165, #33418 (2026)",
    as_of="2026-11-30",
    codes={},
    sentences=(
        _says("window", rf"maximum context length is {_WINDOW} tokens.{{0,120}}?{_ASKED} input tokens"),
        _says("window", rf"passed {_ASKED} input tokens.{{0,80}}?context length is only {_WINDOW} tokens"),
        _says("window", rf"prompt \({_ASKED} tokens\) is too long and exceeds limit of {_WINDOW}"),
        _says("window", rf"input characters.{{0,80}}?context length is only {_WINDOW} tokens"),
        _says(
            "window",
            rf"prompt \((?:total )?length {_ASKED}\) is (?:too long|longer).{{0,80}}?"
            rf"length (?:of )?{_WINDOW}",
        ),
        _says(
            "schema",
            r"(?:xgrammar|guidance|outlines|guided_json|structured.outputs?).{0,80}(?:unsupported|not supp|invalid)",
        ),
        _says("schema", r"grammar error|(?:invalid|unsupported) (?:json )?(?:grammar|schema)(?! for function)"),
        _says("vision", r"is not a multimodal model|at most 0 (?:image|video|audio)"),
        _says("tools", r'"?auto"? tool choice requires --enable-auto-tool-choice|tool.choice.{0,40}not supported'),
    ),
)

SGLANG: Final = Vocabulary(
    vendor="SGLang and Together AI",
    source="BerriAI/litellm#10793 (2025)",
    as_of="2026-12-01",
    codes={},
    sentences=(
        _says(
            "window",
            rf"input \({_ASKED} tokens\) is longer than the model'?s context length "
            rf"\({_WINDOW}(?: tokens)?\)",
        ),
        _says(
            "window",
            rf"requested token count exceeds the model'?s maximum context length of {_WINDOW} tokens"
            rf"(?:.{{0,80}}?: {_ASKED} tokens from the input)?",
        ),
        _says("window", rf"`inputs` tokens \+ `max_new_tokens` must be <= {_WINDOW}\. given: {_ASKED} `inputs`"),
    ),
)

LM_STUDIO: Final = Vocabulary(
    vendor="LM Studio",
    source="lmstudio-ai/lmstudio-bug-tracker#546 (2025)",
    as_of="2026-12-01",
    codes={},
    sentences=(
        _says("window", rf"keep the first {_ASKED} tokens.{{0,200}}?context length of only {_WINDOW} tokens"),
        _says(
            "window",
            r"(?:number of tokens|prompt).{0,40}greater than the context length|context overflow|"
            r"context.{0,20}overflows",
        ),
        _says("window", rf"n_keep: {_ASKED} ?>= ?n_ctx: {_WINDOW}"),
        _says("model", r"no models? (?:is |are )?loaded|model unloaded"),
        _says("schema", r"'response_format\.type' must be"),
    ),
)

OLLAMA: Final = Vocabulary(
    vendor="Ollama",
    source="Ollama 0.13, its server's errors",
    as_of="2026-12-01",
    codes={},
    sentences=(
        _says(
            "window",
            r"(?:input|prompt)(?: length)? exceeds (?:the |maximum )?(?:available )?context (?:length|size|window)",
        ),
        _says("unmade", r"error parsing tool call: raw="),
        _says("tools", r"does not support tools"),
        _says("vision", r"missing data required for image input|does not support (?:images?|vision)"),
        _says(
            "schema",
            r"invalid json schema in format|failed to (?:load|create|"
            r"parse) (?:model vocabulary required for )?(?:format|grammar)",
        ),
    ),
)

LITELLM: Final = Vocabulary(
    vendor="LiteLLM proxy",
    source="LiteLLM proxy 1.108",
    as_of="2026-11-30",
    codes={"budget_exceeded": "quota"},
    sentences=(
        _says("window", r"contextwindowexceedederror"),
        _says("filtered", r"contentpolicyviolationerror"),
        _says("parameter", r"unsupportedparamserror.{0,200}?(?:parameters?: \[?'?|setting )`?(?P<name>\w{1,40})"),
        _says("model", r"invalid model name passed in"),
        _says("quota", r"budget has been exceeded|exceededbudget", ACCOUNTS),
    ),
)

OTHERS: Final = Vocabulary(
    vendor="OpenRouter, DeepSeek, Mistral, xAI, Z.AI, Moonshot, MiniMax, Alibaba, Fireworks, Cerebras, TGI, Bedrock",
    source="their pages of errors; zed-industries/zed#54996, anomalyco/opencode#12671 (2026)",
    as_of="2026-12-01",
    codes={
        "exceeded_current_quota_error": "quota",
        "arrearage": "quota",
        "1113": "quota",  # Z.AI: no balance
        "invalid_model": "model",
    },
    sentences=(
        _says("window", rf"maximum prompt length is {_WINDOW} but the request contains {_ASKED} tokens"),
        _says(
            "window",
            rf"maximum context length is {_WINDOW}.{{0,120}}?(?:contains|requested(?: about)?) {_ASKED} tokens",
        ),
        _says("window", rf"prompt contains {_ASKED} tokens.{{0,80}}?maximum context length of {_WINDOW}"),
        _says(
            "window", rf"contains {_ASKED} tokens.{{0,60}}?too large for model with {_WINDOW} maximum context length"
        ),
        _says("window", rf"prompt is too long: {_ASKED}, model maximum context length: {_WINDOW}"),
        _says("window", rf"current length is {_ASKED} while limit is {_WINDOW}"),
        _says("window", rf"`inputs` must have less than {_WINDOW} tokens\. given: {_ASKED}"),
        _says("window", r"input is too long for requested model|too many (?:input )?tokens"),
        _says("window", rf"prompt token count of {_ASKED} exceeds the limit of {_WINDOW}"),
        _says("window", rf"exceeded model token limit: {_WINDOW} \(requested: {_ASKED}\)"),
        _says("window", rf"range of input length should be \[1, {_WINDOW}\]"),
        _says("window", rf"maximum (?:allowed )?(?:input|context|prompt) length (?:is |of ){_WINDOW}"),
        _says("window", r"context window exceeds limit|longer than the model'?s context length"),
        _says(
            "quota",
            r"insufficient (?:balance|credits?|funds)|please recharge|"
            r"used all available credits",
            ACCOUNTS,
        ),
        _says(
            "quota",
            r"monthly spending limit|key limit exceeded|out of credits|no credits? (?:left|remaining)",
            ACCOUNTS,
        ),
        _says("model", r"is not a valid model id|^model not exist"),
        _says("key", r"incorrect api key provided", frozenset({400})),
        _says("schema", r"this response_format type is unavailable"),
        _says("vision", r"no endpoints found that support image|model does not support (?:image|vision)"),
        _says("tools", r"no endpoints found that support tool use|model does not support (?:tool|function)"),
        _says("parameter", r"body\.(?P<name>\w{1,40}): extra inputs are not permitted"),
    ),
)

VOCABULARIES: Final = (
    OPENAI, GROQ, ANTHROPIC, GOOGLE, LLAMA_CPP, VLLM, SGLANG, LM_STUDIO, OLLAMA, LITELLM, OTHERS,
)  # fmt: skip

CODES: Final[Mapping[str, Meaning]] = {name: means for each in VOCABULARIES for name, means in each.codes.items()}
SENTENCES: Final = tuple(
    sorted(
        (sentence for each in VOCABULARIES for sentence in each.sentences),
        key=lambda sentence: -sentence.pattern.count("(?P<"),
    )
)
"""Those that tell figures first: others may be a part of them."""
