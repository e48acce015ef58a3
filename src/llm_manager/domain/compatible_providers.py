"""Vendors and servers that speak OpenAI's wire, one row each, with what they refuse of it.

The rule of this room: every row names the page it was read from and the day. What only some models of a vendor can do
is among the capabilities of its row: a model that cannot says so itself, and ``models.<name>.capabilities`` states it.
"""

from __future__ import annotations

from llm_manager.domain.provider_facts import Capability, ProviderFacts

AS_OF = "2026-12-01"

_FULL: frozenset[Capability] = frozenset({"vision", "tools", "json_mode", "json_schema"})
_TEXT: frozenset[Capability] = frozenset({"tools", "json_mode", "json_schema"})

_HOSTED = (
    ProviderFacts(
        name="mistral",
        wire="openai",
        base_url="https://api.mistral.ai/v1",
        key_variable="MISTRAL_API_KEY",
        portkey_slug="mistral-ai",
        capabilities=_FULL,
        # Unknown fields are refused with 422: ``seed`` is ``random_seed`` there, ``max_completion_tokens`` and
        # ``stream_options`` are not known (editor-code-assistant/eca#231, avante-corp/avante.nvim#2347).
        unsupported=frozenset({"seed"}),
        asks_for_usage=False,
        # 400, "Tool call id ... must be a-z, A-Z, 0-9, with a length of 9" (mistralai/client-python#151)
        call_ids="nine",
        as_of=AS_OF,
        source='Mistral, "Chat Completion API"',
    ),
    ProviderFacts(
        name="deepseek",
        wire="openai",
        base_url="https://api.deepseek.com/v1",
        key_variable="DEEPSEEK_API_KEY",
        portkey_slug="deepseek",
        # ``json_schema`` is answered with 400, "This response_format type is unavailable now" (llm-exe/llm-exe#662,
        # UKGovernmentBEIS/inspect_ai#4916, both of 2026).
        capabilities=frozenset({"tools", "json_mode"}),
        unsupported=frozenset({"seed"}),
        takes_reasoning=True,  # 400 without it in a turn with calls (moltis-org/moltis#959)
        as_of=AS_OF,
        source='DeepSeek, "Create Chat Completion"',
    ),
    ProviderFacts(
        name="xai",
        wire="openai",
        base_url="https://api.x.ai/v1",
        key_variable="XAI_API_KEY",
        portkey_slug="x-ai",
        capabilities=_FULL,
        unsupported=frozenset({"stop"}),  # an error from every model that reasons
        limit_field="max_completion_tokens",
        as_of=AS_OF,
        source='xAI, "Chat Completions" (legacy)',
    ),
    ProviderFacts(
        name="openrouter",
        wire="openai",
        base_url="https://openrouter.ai/api/v1",
        key_variable="OPENROUTER_API_KEY",
        portkey_slug="openrouter",
        capabilities=_FULL,
        call_ids="short",  # it passes them on to OpenAI as they are (openclaw/openclaw#875)
        as_of=AS_OF,
        source='OpenRouter, "API Reference"',
    ),
    ProviderFacts(
        name="together",
        wire="openai",
        base_url="https://api.together.xyz/v1",
        key_variable="TOGETHER_API_KEY",
        portkey_slug="together-ai",
        capabilities=_FULL,
        as_of=AS_OF,
        source='Together AI, "Create chat completion"',
    ),
    ProviderFacts(
        name="fireworks",
        wire="openai",
        base_url="https://api.fireworks.ai/inference/v1",
        key_variable="FIREWORKS_API_KEY",
        portkey_slug="fireworks-ai",
        capabilities=_FULL,
        as_of=AS_OF,
        source='Fireworks AI, "Querying text models" and "Structured response formatting"',
    ),
    ProviderFacts(
        name="cerebras",
        wire="openai",
        base_url="https://api.cerebras.ai/v1",
        key_variable="CEREBRAS_API_KEY",
        portkey_slug="cerebras",
        capabilities=_TEXT,
        limit_field="max_completion_tokens",
        as_of=AS_OF,
        source='Cerebras, "Chat Completions"',
    ),
    # The gateway wants the names of resource and deployment for it, which are not in our words: it is asked directly.
    ProviderFacts(
        name="azure_openai",
        wire="openai",
        version_path="/openai/v1",
        key_variable="AZURE_OPENAI_API_KEY",
        url_variable="AZURE_OPENAI_ENDPOINT",
        key_header="api-key",
        capabilities=_FULL,
        limit_field="max_completion_tokens",
        call_ids="short",
        as_of=AS_OF,
        source='Microsoft, "Azure OpenAI in Microsoft Foundry Models v1 API"',
    ),
)

_SERVERS = (
    ProviderFacts(
        name="vllm",
        wire="openai",
        needs_key=False,
        key_variable="VLLM_API_KEY",
        url_variable="VLLM_BASE_URL",
        self_hosted=True,
        capabilities=_FULL,
        as_of=AS_OF,
        source='vLLM, "OpenAI-Compatible Server"',
    ),
    ProviderFacts(
        name="sglang",
        wire="openai",
        needs_key=False,
        key_variable="SGLANG_API_KEY",
        url_variable="SGLANG_BASE_URL",
        self_hosted=True,
        capabilities=_FULL,
        as_of=AS_OF,
        source='SGLang, "OpenAI-Compatible API"',
    ),
    ProviderFacts(
        name="llama_server",
        wire="openai",
        needs_key=False,
        key_variable="LLAMA_API_KEY",
        url_variable="LLAMA_SERVER_URL",
        self_hosted=True,
        capabilities=_FULL,
        unsupported=frozenset({"tool_choice"}),  # a named tool becomes "auto" without a word (langchain-llama-cpp)
        as_of=AS_OF,
        source="llama.cpp, README of llama-server",
    ),
)

COMPATIBLE: tuple[ProviderFacts, ...] = (*_HOSTED, *_SERVERS)
"""The rows, vendors before servers of one's own."""
