"""What a mapped outcome is not: each line that ends in "refused" is refused by every checker."""

from llm_manager import LLMError, LLMResponse, Outcome


def content(response: LLMResponse) -> str:
    return response.content


def mapped(outcome: Outcome[LLMResponse, LLMError]) -> Outcome[str, LLMError]:
    outcome.map(len)  # refused
    return outcome.map(content)  # refused
