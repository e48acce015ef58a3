"""A batch on a cluster: the same pipeline over Ray Data (extra ``ray``), for when one machine is not enough.

Each worker is a process with a context of its own, which lives as long as the worker does. What all of them must agree
on (the limiter, the cache, the breakers, the budget) they share over Redis: set ``REDIS_URL`` where they run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias, cast, final

from anyio.from_thread import start_blocking_portal
from returns.result import Failure, Success

from llm_manager.domain.codec import parse_request, to_json
from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import LLMResponse
from llm_manager.effect.context import Context
from llm_manager.effect.layer import Layer
from llm_manager.layers import live
from llm_manager.operations.batch import batch

if TYPE_CHECKING:
    from ray.data import Dataset

ContextLayer: TypeAlias = Layer[Context, Any, None]


def map_requests(
    dataset: Dataset,
    *,
    layer: Callable[[], ContextLayer] = live,
    workers: int = 2,
    concurrency: int = 10,
    block: int = 100,
) -> Dataset:
    """*dataset*, whose rows have the fields of a request, with two more columns: ``response`` and ``error``.

    Both are JSON text, and one of the two is None in every row. Fields that are None count as left out, and columns
    that are no field of a request are carried along; what is wrong with a row is its ``InvalidRequest``. *workers*
    processes take *block* rows at a time and ask *concurrency* of them at once. *layer* is called in each worker, so
    that no key travels: by default the context comes from the environment there (Ray's ``runtime_env`` sets it).

    Ray runs a block again whose worker died: what of it had been answered is paid again, unless the cache knows it.
    """
    from ray.data import ActorPoolStrategy  # noqa: PLC0415  # an extra

    untyped: Any = dataset  # the types of its methods are incomplete
    mapped: Dataset = untyped.map_batches(
        _Worker,
        fn_constructor_kwargs={"layer": layer, "concurrency": concurrency},
        batch_format="pyarrow",
        batch_size=block,
        compute=ActorPoolStrategy(size=workers),
    )
    return mapped


@final
class _Worker:
    """One process of the cluster: an event loop in a thread of its own, and a context that lives in it."""

    def __init__(self, layer: Callable[[], ContextLayer], concurrency: int) -> None:
        self._open = ExitStack()  # never closed: Ray ends the process
        self._portal = self._open.enter_context(start_blocking_portal())
        self._context = self._open.enter_context(self._portal.wrap_async_context_manager(layer()))
        self._concurrency = concurrency

    def __call__(self, rows: Any) -> Any:  # Any: pyarrow has no types
        """*rows*, a table of Arrow's, with what came of them."""
        pa: Any = import_module("pyarrow")

        outcomes = self._portal.call(self._asked, [_request_of(row) for row in rows.to_pylist()])
        responses = [to_json(each.unwrap()) if isinstance(each, Success) else None for each in outcomes]
        errors = [to_json(each.failure()) if isinstance(each, Failure) else None for each in outcomes]
        text = pa.string()
        return rows.append_column("response", pa.array(responses, text)).append_column("error", pa.array(errors, text))

    async def _asked(self, rows: list[Outcome[LLMRequest, LLMError]]) -> list[Outcome[LLMResponse, LLMError]]:
        places = [place for place, row in enumerate(rows) if isinstance(row, Success)]
        answers: dict[int, Outcome[LLMResponse, LLMError]] = {
            place: row for place, row in enumerate(rows) if isinstance(row, Failure)
        }
        stream = batch([rows[place].unwrap() for place in places], concurrency=self._concurrency)
        async with stream.opened(self._context) as outcomes:
            async for index, outcome in outcomes:
                answers[places[index]] = outcome
        return [answers[place] for place in range(len(rows))]


def _request_of(row: dict[str, Any]) -> Outcome[LLMRequest, LLMError]:
    known = LLMRequest.__dataclass_fields__
    return parse_request({name: _pruned(value) for name, value in row.items() if name in known and value is not None})


def _pruned(value: Any) -> Any:
    """*value* without the fields that Arrow fills with None because another row has them."""
    match value:
        case dict():
            fields = cast("dict[str, Any]", value)
            return {name: _pruned(each) for name, each in fields.items() if each is not None}
        case list():
            return [_pruned(each) for each in cast("Sequence[Any]", value)]
        case _:
            return value
