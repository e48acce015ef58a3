"""Each line marked so must be refused by both checkers."""

from llm_manager import (
    LLMRequest,
    LLMResponse,
    Op,
    SchemaStream,
    generate,
    map_,
    plan,
    query_with_schema,
    retry,
    stream_with_schema,
    timeout,
)
from llm_manager import no_such_name as no_such_name  # refused

ASK = LLMRequest(prompt="x")

wrong_value: Op[int] = generate(ASK)  # refused
wrong_schema: Op[str] = query_with_schema(ASK, int)  # refused
wrong_policy = retry(5)  # refused
wrong_time = timeout("5")  # refused
wrong_field = LLMRequest(promt="x")  # refused
wrong_change = map_(plan(ASK), lambda response: response.content)  # refused

wrong_stream: Op[SchemaStream[str]] = stream_with_schema(ASK, int)  # refused


def not_complete(response: LLMResponse) -> str:
    return response.cntent  # refused
