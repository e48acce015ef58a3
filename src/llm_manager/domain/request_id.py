"""Which request an error is about: the name of its run, put into the errors that have a place for it."""

from __future__ import annotations

from llm_manager.domain.changed import changed
from llm_manager.domain.errors import AllModelsFailed, InvalidRequest, LLMError


def with_request_id(error: LLMError, request_id: str | None) -> LLMError:
    """*error* with *request_id*, as it is where it has no place for one or names a request already.

    >>> with_request_id(InvalidRequest(()), "0c5d1a").request_id
    '0c5d1a'
    """
    match error:
        case InvalidRequest(request_id=None):
            return changed(error, request_id=request_id)
        case AllModelsFailed(failures=failures) if any(isinstance(each, InvalidRequest) for _, each in failures):
            return changed(
                error, failures=tuple((model, with_request_id(each, request_id)) for model, each in failures)
            )
        case _:
            return error
