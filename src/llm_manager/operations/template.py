"""Ask with a template: its variables are checked and put in, then it is asked as any other request.

For everything else there is ``template.request(variables)``, which gives the request to stream, to race, to plan with.
"""

from __future__ import annotations

from typing import TypeVar

from returns.result import Failure

from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.response import LLMResponse
from llm_manager.effect.context import Context, Op
from llm_manager.effect.op import effect, run
from llm_manager.operations.generate import generate
from llm_manager.operations.schema import query_with_schema
from llm_manager.prompts.template import PromptTemplate, SchemaTemplate

V = TypeVar("V")
T = TypeVar("T")


def ask(template: PromptTemplate[V], variables: V) -> Op[LLMResponse]:
    """The answer to *template* with *variables* in their places.

    Fails with ``InvalidRequest`` and every problem, before anything is sent, when the variables do not fit; else as
    :func:`~llm_manager.operations.generate.generate` does.
    """

    async def asking(context: Context) -> Outcome[LLMResponse, LLMError]:
        made = template.request(variables)
        return made if isinstance(made, Failure) else await run(generate(made.unwrap()), context)

    return effect(asking)


def query_template(template: SchemaTemplate[V, T], variables: V, max_reasks: int = 2) -> Op[T]:
    """The value of the template's own type that answers it, as
    :func:`~llm_manager.operations.schema.query_with_schema` gets one.

    Fails with ``InvalidRequest`` as :func:`ask` does.
    """

    async def querying(context: Context) -> Outcome[T, LLMError]:
        made = template.request(variables)
        if isinstance(made, Failure):
            return made
        return await run(query_with_schema(made.unwrap(), template.answer, max_reasks), context)

    return effect(querying)
