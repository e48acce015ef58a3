# ruff: noqa: E501  # a body of an error is one line
"""What real vendors and servers answered, and what it means: (who, status, body, the error).

Written down from the servers themselves (llama-server b11549, llama-cpp-python 0.3.36, vLLM 0.32, LiteLLM proxy 1.108,
on 2026-11-30), from pages of vendors (read 2026-12-01), and from public reports, which are named. Names and figures are
our own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from llm_manager.domain.errors import (
    AuthenticationFailed,
    ContentFiltered,
    ContextTooLarge,
    InvalidRequest,
    LLMError,
    MalformedResponse,
    ModelUnavailable,
    QuotaExhausted,
    RateLimitExceeded,
    ServerError,
    UnsupportedCapability,
)

Refusal: TypeAlias = tuple[str, int, Any, LLMError]


def openai(
    message: str, kind: str = "invalid_request_error", code: str | None = None, **more: Any
) -> Mapping[str, Any]:
    return {"error": {"message": message, "type": kind, "code": code, "param": None, **more}}


def anthropic(message: str, kind: str = "invalid_request_error") -> Mapping[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


def vllm(message: str, **more: Any) -> Mapping[str, Any]:
    return {"error": {"message": message, "type": "BadRequestError", "param": None, "code": 400, **more}}


M = "m-1"

WINDOWS: tuple[Refusal, ...] = (
    (
        "OpenAI",
        400,
        openai(
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
            code="context_length_exceeded",
        ),
        ContextTooLarge(M, 9000, 8192),
    ),
    (
        "llama-server b11549",
        400,
        openai(
            "request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it",
            "exceed_context_size_error",
            code=None,
            n_prompt_tokens=9000,
            n_ctx=8192,
        ),
        ContextTooLarge(M, 9000, 8192),
    ),
    (
        "llama-cpp-python 0.3.36",
        400,
        openai("Requested tokens (9000) exceed context window of 8192", code="context_length_exceeded"),
        ContextTooLarge(M, 9000, 8192),
    ),
    (
        "vLLM 0.32",
        400,
        vllm(
            "This model's maximum context length is 8192 tokens. However, you requested 100 output tokens and your "
            "prompt contains at least 8193 input tokens, for a total of at least 8293 tokens.",
            param="input_tokens",
        ),
        ContextTooLarge(M, 8193, 8192),
    ),
    (
        "vLLM 0.32, counting characters",
        400,
        vllm(
            "You passed 500001 input characters and requested 100 output tokens. However, the model's context length "
            "is only 8192 tokens, resulting in a maximum input length of 8092 tokens (at most 412000 characters).",
            param="input_text",
        ),
        ContextTooLarge(M, None, 8192),
    ),
    (
        "vLLM 0.32, without room for output",
        400,
        vllm(
            "You passed 11193 input tokens and requested 0 output tokens. However, the model's context length is only "
            "8192 tokens, resulting in a maximum input length of 8192 tokens. Please reduce the length of the input."
        ),
        ContextTooLarge(M, 11193, 8192),
    ),
    (
        "vLLM 0.10",
        400,
        vllm(
            "'max_tokens' or 'max_completion_tokens' is too large: 4096. This model's maximum context length is 8192 "
            "tokens and your request has 7000 input tokens (4096 > 8192 - 7000)."
        ),
        ContextTooLarge(M, 7000, 8192),
    ),
    (
        "vllm-project/vllm#12165",
        400,
        vllm("The prompt (total length 25938) is too long to fit into the model (context length 4096). Make sure that"),
        ContextTooLarge(M, 25938, 4096),
    ),
    (
        "SGLang, BerriAI/litellm#10793",
        400,
        {
            "object": "error",
            "message": "The input (9000 tokens) is longer than the model's context length (8192 tokens).",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
        ContextTooLarge(M, 9000, 8192),
    ),
    (
        "LM Studio, lmstudio-bug-tracker#546",
        400,
        {
            "error": "Trying to keep the first 9000 tokens when context the overflows. However, the model is loaded "
            "with context length of only 8192 tokens, which is not enough. Try to load the model with a larger context"
        },
        ContextTooLarge(M, 9000, 8192),
    ),
    (
        "Ollama 0.13",
        400,
        {"error": "the input length exceeds the context length"},
        ContextTooLarge(M, None, None),
    ),
    ("Ollama 0.13, its runner", 500, {"error": "prompt exceeds context length"}, ContextTooLarge(M, None, None)),
    (
        "LiteLLM proxy 1.108",
        400,
        openai(
            "litellm.ContextWindowExceededError: litellm.BadRequestError: ContextWindowExceededError: OpenAIException "
            "- This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens. "
            "Please reduce the length of the messages.. Received Model Group=m\nAvailable Model Group Fallbacks=None",
            code="400",
        ),
        ContextTooLarge(M, 9000, 8192),
    ),
    (
        "Anthropic",
        400,
        anthropic("prompt is too long: 212,345 tokens > 200000 maximum"),
        ContextTooLarge(M, 212345, 200000),
    ),
    (
        "Anthropic, continuedev/continue#6080",
        400,
        anthropic(
            "input length and `max_tokens` exceed context limit: 199759 + 8192 > 200000, decrease input length or "
            "`max_tokens` and try again"
        ),
        ContextTooLarge(M, 199759, 200000),
    ),
    (
        "Gemini",
        400,
        {
            "error": {
                "code": 400,
                "message": "The input token count (1100000) exceeds the maximum number of tokens allowed (1048576).",
                "status": "INVALID_ARGUMENT",
            }
        },
        ContextTooLarge(M, 1100000, 1048576),
    ),
    (
        "OpenRouter",
        400,
        openai(
            "This endpoint's maximum context length is 8192 tokens. However, you requested about 9000 tokens (9000 of "
            "text input). Please reduce the length of either one.",
            code=None,
        ),
        ContextTooLarge(M, 9000, 8192),
    ),
    (
        "xAI",
        400,
        {"code": "invalid-argument", "error": "This model's maximum prompt length is 8192 but the request contains 9000 tokens."},
        ContextTooLarge(M, 9000, 8192),
    ),
    (
        "Mistral",
        400,
        {"object": "error", "message": "Prompt contains 9000 tokens and 0 draft tokens, too large for model with 8192 maximum context length", "type": "invalid_request_error", "code": 3051},
        ContextTooLarge(M, 9000, 8192),
    ),
    ("vllm-project/vllm#13370", 400, vllm("Input prompt (2501 tokens) is too long and exceeds limit of 2048"), ContextTooLarge(M, 2501, 2048)),
    ("vLLM 0.32", 400, vllm("The decoder prompt (length 9000) is longer than the maximum model length of 8192. Make sure that"), ContextTooLarge(M, 9000, 8192)),
    ("SGLang", 400, vllm("Requested token count exceeds the model's maximum context length of 8192 tokens. You requested a total of 9000 tokens: 8500 tokens from the input messages and 500 tokens for the completion."), ContextTooLarge(M, 8500, 8192)),
    ("LM Studio", 400, {"error": "The number of tokens to keep from the initial prompt is greater than the context length (n_keep: 9000>= n_ctx: 8192). Try to load the model with a larger context length"}, ContextTooLarge(M, 9000, 8192)),
    ("llama-server", 500, openai("input is too large to process. increase the physical batch size", "server_error"), ContextTooLarge(M)),
    ("Fireworks", 400, openai("The prompt is too long: 9000, model maximum context length: 8191"), ContextTooLarge(M, 9000, 8191)),
    ("Cerebras", 400, openai("Please reduce the length of the messages or completion. Current length is 9000 while limit is 8192", code="context_length_exceeded"), ContextTooLarge(M, 9000, 8192)),
    ("TGI", 422, {"error": "Input validation error: `inputs` must have less than 4096 tokens. Given: 5000", "error_type": "validation"}, ContextTooLarge(M, 5000, 4096)),
    ("Bedrock", 400, {"message": "Input is too long for requested model."}, ContextTooLarge(M)),
    ("Vertex", 400, {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "Unable to submit request because the input token count is 9000 but model only supports up to 8192."}}, ContextTooLarge(M, 9000, 8192)),
    ("Moonshot", 400, openai("Invalid request: Your request exceeded model token limit: 8192 (requested: 9000)"), ContextTooLarge(M, 9000, 8192)),
    ("Alibaba", 400, openai("Range of input length should be [1, 30720]"), ContextTooLarge(M, None, 30720)),
)  # fmt: skip

ACCOUNTS: tuple[Refusal, ...] = (
    (
        "Anthropic, anthropics/claude-code#66314",
        400,
        anthropic("Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing"),
        QuotaExhausted(M),
    ),
    (
        "Anthropic, anthropics/claude-code#38035",
        400,
        anthropic("You have reached your specified API usage limits. You will regain access on 2027-01-01 at 00:00 UTC."),
        QuotaExhausted(M),
    ),
    ("Anthropic", 400, anthropic("This organization has been disabled."), AuthenticationFailed(M, forbidden=True)),
    ("Anthropic", 402, anthropic("Your plan has lapsed", "billing_error"), QuotaExhausted(M)),
    (
        "OpenAI",
        429,
        openai("Your organization reached its enforced spend limit.", "server_error", "organization_spend_limit_exceeded"),
        QuotaExhausted(M),
    ),
    ("OpenAI", 429, openai("No quota", "insufficient_quota", "team_spend_limit_exceeded"), QuotaExhausted(M)),
    ("OpenAI", 429, openai("You exceeded your current quota", "insufficient_quota", None), QuotaExhausted(M)),
    ("Z.AI, zed-industries/zed#54996", 429, {"error": {"code": "1113", "message": "Insufficient balance"}}, QuotaExhausted(M)),
    ("DeepSeek", 402, openai("Insufficient Balance", "unknown_error"), QuotaExhausted(M)),
    (
        "xAI",
        403,
        {"code": "The caller does not have permission", "error": "Your team has either used all available credits or reached its monthly spending limit."},
        QuotaExhausted(M),
    ),
    ("OpenRouter", 403, openai("Key limit exceeded (total limit).", code=None), QuotaExhausted(M)),
    ("LiteLLM proxy 1.108", 400, openai("Budget has been exceeded! Current cost: 2, Max budget: 1", "budget_exceeded", "400"), QuotaExhausted(M)),
    ("Perplexity", 401, openai("You exceeded your quota", "insufficient_quota"), QuotaExhausted(M)),
    ("Fireworks", 412, openai("Account a is suspended, possibly due to reaching the monthly spending limit"), QuotaExhausted(M)),
    ("Anthropic, anthropics/claude-code#29584", 429, anthropic("Extra usage is required for long context requests.", "rate_limit_error"), QuotaExhausted(M)),
    ("Google", 429, [{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "You exceeded your current quota", "details": [{"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "50"}]}]}}], QuotaExhausted(M)),
    ("Google", 429, [{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "You exceeded your current quota", "details": [{"violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel", "quotaValue": "50"}]}]}}], RateLimitExceeded(M)),
    ("LM Studio", 401, openai("Insufficient balance"), AuthenticationFailed(M)),
    ("OpenAI", 429, openai("Rate limit reached for m-1", "tokens", "rate_limit_exceeded"), RateLimitExceeded(M)),
    (
        "Groq, continuedev/continue#10218",
        413,
        openai(
            "Request too large for model `m-1` in organization `org` on tokens per minute (TPM): Limit 6000, "
            "Requested 14810, please reduce your message size and try again.",
            "tokens",
            "rate_limit_exceeded",
        ),
        RateLimitExceeded(M),
    ),
    ("Groq", 498, openai("flex tier capacity exceeded", "capacity_exceeded", "capacity_exceeded"), ServerError(M, 498)),
    ("a proxy", 413, "<html>413 Request Entity Too Large</html>", InvalidRequest(())),
)  # fmt: skip

CANNOT: tuple[Refusal, ...] = (
    ("OpenAI, agno-agi/agno#5382", 400, openai("Invalid 'messages[2].tool_calls[0].id': string too long. Expected a string with maximum length 40, but got a string with length 53 instead.", code="string_above_max_length", param="messages[2].tool_calls[0].id"), InvalidRequest(())),
    ("OpenAI", 400, openai("Invalid 'messages[0].content': string too long. Expected a string with maximum length 10485760, but got a string with length 20000000 instead.", code="string_above_max_length", param="messages[0].content"), ContextTooLarge(M, None, None)),
    ("Groq, pydantic/pydantic-ai#4354", 400, openai("Failed to call a function.", code="tool_use_failed", failed_generation="<function=f {}>"), MalformedResponse(M, "empty")),
    ("Groq, praveenjuge/teak#255", 400, openai("Failed to generate JSON.", code="json_validate_failed", failed_generation='{"a": [one]'), MalformedResponse(M, "empty")),
    ("OpenAI", 400, openai("Invalid schema for response_format 'answer': 'uri' is not a valid format.", code=None, param="response_format"), UnsupportedCapability(M, "json_schema")),
    ("OpenAI", 400, openai("Invalid schema for function 'f': schema must be of type object", code="invalid_function_parameters"), InvalidRequest(())),
    ("OpenAI", 400, openai("Unsupported parameter: 'stop' is not supported with this model.", code="unsupported_parameter", param="stop"), UnsupportedCapability(M, "stop")),
    ("OpenAI", 400, openai("Unsupported value: 'temperature' does not support 0 with this model.", code="unsupported_value", param="temperature"), UnsupportedCapability(M, "temperature")),
    ("DeepSeek", 400, openai("This response_format type is unavailable now"), UnsupportedCapability(M, "json_schema")),
    ("Groq", 400, openai("'messages.1' : for 'role:assistant' the following must be satisfied[('messages.1' : property 'seed' is unsupported)]"), UnsupportedCapability(M, "seed")),
    ("Mistral", 422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]}, UnsupportedCapability(M, "seed")),
    ("Anthropic", 400, anthropic("`temperature` is deprecated for this model."), UnsupportedCapability(M, "temperature")),
    ("Anthropic", 400, anthropic('tool_choice: type "tool" and "any" are not supported for this model.'), UnsupportedCapability(M, "tool_choice")),
    ("Anthropic", 400, anthropic("Thinking may not be enabled when tool_choice forces tool use."), UnsupportedCapability(M, "tool_choice")),
    ("OpenAI", 400, openai("Function tools with reasoning_effort are not supported for m-1 in /v1/chat/completions."), UnsupportedCapability(M, "tools")),
    ("Anthropic", 400, anthropic("output_config.format: schema is not valid"), UnsupportedCapability(M, "json_schema")),
    ("llama-cpp-python 0.3.36", 500, openai("Failed to parse grammar: unknown rule", "internal_server_error"), UnsupportedCapability(M, "json_schema")),
    ("llama-server b11549", 500, openai("image input is not supported - hint: if this is unexpected, you may need to provide the mmproj", "server_error", code=None), UnsupportedCapability(M, "vision")),
    ("llama.cpp, #12947", 500, openai('Failed to parse messages: Unsupported content part type: "image_url"', "server_error"), UnsupportedCapability(M, "vision")),
    ("vLLM 0.32", 400, vllm("m-1 is not a multimodal model"), UnsupportedCapability(M, "vision")),
    ("vLLM 0.32", 400, vllm('"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'), UnsupportedCapability(M, "tools")),
    ("Ollama 0.13", 400, {"error": "registry.ollama.ai/library/m-1:latest does not support tools"}, UnsupportedCapability(M, "tools")),
    ("Ollama 0.13", 500, {"error": "this model is missing data required for image input"}, UnsupportedCapability(M, "vision")),
    ("LiteLLM proxy 1.108", 400, openai("litellm.UnsupportedParamsError: m-1 does not support parameters: ['seed'], for model=m-1", code="400"), UnsupportedCapability(M, "seed")),
    ("LiteLLM proxy 1.108", 400, openai("/chat/completions: Invalid model name passed in model=m-1. Call `/v1/models`", code="400"), ModelUnavailable(M)),
    ("OpenRouter", 400, openai("m-1 is not a valid model ID", code=None), ModelUnavailable(M)),
    ("Azure", 400, openai("The response was filtered", code="content_filter", innererror={"code": "ResponsibleAIPolicyViolation"}), ContentFiltered(M)),
    ("Google", 400, [{"error": {"code": 400, "message": "API key not valid. Please pass a valid API key.", "status": "INVALID_ARGUMENT"}}], AuthenticationFailed(M)),
    ("llama-server b11549", 500, openai("Failed to parse tool call arguments as JSON: [json.exception.parse_error.101]", "server_error"), MalformedResponse(M, "empty")),
    ("Ollama 0.13", 500, {"error": "error parsing tool call: raw='{', err=unexpected end of JSON input"}, MalformedResponse(M, "empty")),
    ("LM Studio", 500, openai("the model has crashed", "server_error"), ServerError(M, 500)),
    ("Cloudflare", 524, "<html>a timeout occurred</html>", ServerError(M, 524)),
)  # fmt: skip

REFUSALS = (*WINDOWS, *ACCOUNTS, *CANNOT)
