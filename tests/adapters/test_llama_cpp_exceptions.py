"""Every exception class that the binding of llama.cpp can raise becomes a value of ours: which one, for each of them.

Its methods are declared ``except +``, so these are the classes that Cython makes of exceptions of C++ (Cython user
guide, "Using C++ in Cython", Exceptions), those of Python's ``json`` over our arguments, and those of the
arguments' types.
"""

from __future__ import annotations

import pytest

from llm_manager.adapters.llama_cpp import raised
from llm_manager.domain.errors import InvalidRequest, LLMError, ServerError
from llm_manager.domain.problem import Problem
from llm_manager.domain.verdicts import counts_against_breaker

REFUSED = InvalidRequest((Problem("", "said"),), "tiny refused it")
FAILED = ServerError("tiny", 500, "said")

BEFORE_AN_ANSWER: dict[str, tuple[Exception, LLMError]] = {
    "std::bad_alloc": (MemoryError("said"), FAILED),
    "std::bad_cast, std::bad_typeid": (TypeError("said"), REFUSED),
    "std::domain_error, std::invalid_argument: a template, a schema": (ValueError("said"), REFUSED),
    "std::ios_base::failure": (OSError("said"), FAILED),
    "std::out_of_range": (IndexError("said"), REFUSED),
    "std::overflow_error": (OverflowError("said"), REFUSED),
    "std::range_error, std::underflow_error": (ArithmeticError("said"), REFUSED),
    "any other of C++: an image without a projector, JSON it does not read": (RuntimeError("said"), REFUSED),
    "json.dumps of what is too deep": (RecursionError("said"), REFUSED),
    "json.dumps of what is no JSON": (TypeError("said"), REFUSED),
    "an answer that is no UTF-8": (UnicodeError("said"), REFUSED),
    "a class nobody has thought of": (BufferError("said"), FAILED),
}


@pytest.mark.parametrize("name", BEFORE_AN_ANSWER)
def test_an_exception_before_the_answer_is_a_refusal_unless_it_is_of_the_machine(name: str) -> None:
    error, expected = BEFORE_AN_ANSWER[name]
    assert raised(error, "tiny", began=False) == expected


@pytest.mark.parametrize("name", BEFORE_AN_ANSWER)
def test_an_exception_within_the_answer_is_a_failure_of_the_engine(name: str) -> None:
    assert raised(BEFORE_AN_ANSWER[name][0], "tiny", began=True) == FAILED


def test_a_refusal_says_nothing_of_the_health_of_a_model() -> None:
    assert [counts_against_breaker(error) for error in (REFUSED, FAILED)] == [False, True]


def test_an_exception_without_words_is_told_by_its_class() -> None:
    assert raised(MemoryError(), "tiny", began=False) == ServerError("tiny", 500, "MemoryError")
