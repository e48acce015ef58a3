"""From a text to its values: the questions a program asks.

All three are pure and total: any ``str`` is answered, the same one always alike, in time linear in its length.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import chain
from typing import Final

from returns.result import Failure, Success

from llm_manager.domain.errors import ExtractionFailed
from llm_manager.domain.outcome import Outcome
from llm_manager.extraction.candidates import Candidate
from llm_manager.extraction.cursor import Cursor, Hopeless, TooDeep, island_work, work_limit
from llm_manager.extraction.extracted import Extracted, Repair, RepairKind, Span
from llm_manager.extraction.scan import Scan
from llm_manager.extraction.strict import DEPTH_CAP, Read, read_whole
from llm_manager.extraction.tolerant import read_document, read_scalar

LONGEST_TEXT: Final = 32 * 1024 * 1024
"""Characters; longer text is refused as ``too_large``."""

_INVISIBLE: Final = " \t\r\n\x0b\x0c\x00\xa0\u200b\u3000\ufeff"
_BETWEEN: Final = re.compile(r"(?:[\s,;]++|//[^\n]*+|/\*[^*]*+(?:\*(?!/)[^*]*+)*\*/)*")


def extract_json(text: str) -> Outcome[Extracted, ExtractionFailed]:
    """The one value that *text* most likely means to say.

    All of it, when it is JSON. Otherwise the best value inside: from a JSON code block before any other, an object or
    list of objects before other lists, a complete one before one that was cut off, and the last of equals, because
    what a model echoes from its input comes first. Values with nothing but commas and white space between them (JSON
    lines) are one list.

    Fails with ``ExtractionFailed``: ``empty``, ``not_found``, ``too_deep`` or ``too_large``.

    >>> extract_json("Sure: {'name': 'Ada', }").unwrap().value
    {'name': 'Ada'}
    """
    return _whole_or(text, _best)


def extract_all(text: str) -> Outcome[tuple[Extracted, ...], ExtractionFailed]:
    """Every value in *text*, in its order; JSON lines come one by one. Fails as ``extract_json`` does.

    >>> [each.value for each in extract_all('first {"a": 1}, then {"b": 2}').unwrap()]
    [{'a': 1}, {'b': 2}]
    """
    if isinstance(read := _admitted(text), ExtractionFailed):
        return Failure(read)
    if isinstance(read, Extracted):
        return Success((read,))
    scan = read.run()
    found = tuple(map(_as_extracted, scan.found))
    return Success(found) if found else _nothing(text, scan)


def recover_json(text: str) -> Outcome[Extracted, ExtractionFailed]:
    """All of *text* as one damaged document: for tool arguments and files, where nothing but the value is expected.

    Unlike ``extract_json`` it takes the text at its word: no search in prose, no ranking, and a bare word is a string.
    Fails with ``ExtractionFailed`` as ``extract_json`` does.

    >>> recover_json("{city: Paris, days: 3").unwrap().value
    {'city': 'Paris', 'days': 3}
    """
    return _whole_or(text, _recovered)


def ranked(text: str) -> Outcome[tuple[Extracted, ...], ExtractionFailed]:
    """Every value *text* may mean, the most likely first: JSON lines as one list, then one by one."""
    if isinstance(read := _admitted(text), ExtractionFailed):
        return Failure(read)
    if isinstance(read, Extracted):
        return Success((read,))
    scan = read.run()
    joined = _joined(scan.text, scan.found)
    alone = set(map(id, joined))  # what was not joined is the same object
    single = [found for found in scan.found if id(found) not in alone]
    unsure = scan.gave_up or scan.too_deep
    answers = [_as_extracted(found, ambiguous=unsure) for found in (*_by_rank(joined), *_by_rank(single))]
    return Success(tuple(answers)) if answers else _nothing(text, scan)


def _best(text: str, scan: Scan) -> Outcome[Extracted, ExtractionFailed]:
    if not scan.run().found:
        return _nothing(text, scan)
    best, *others = _by_rank(_joined(scan.text, scan.found))
    rival = bool(others) and any(other.rank == best.rank and other.value != best.value for other in others[:8])
    return Success(_as_extracted(best, ambiguous=rival or scan.gave_up or scan.too_deep))


def _whole_or(
    text: str, otherwise: Callable[[str, Scan], Outcome[Extracted, ExtractionFailed]]
) -> Outcome[Extracted, ExtractionFailed]:
    if isinstance(read := _admitted(text), ExtractionFailed):
        return Failure(read)
    return Success(read) if isinstance(read, Extracted) else otherwise(text, read)


def _admitted(text: str) -> Extracted | ExtractionFailed | Scan:
    """The answer when it needs no search: all of the text is JSON, or there is nothing to look at. Else the search."""
    if len(text) > LONGEST_TEXT:
        return ExtractionFailed(text, "too_large", f"{len(text)} characters; at most {LONGEST_TEXT} are read")
    read = read_whole(text)
    if isinstance(read, Read):
        return Extracted(value=read.value, span=Span(0, len(text)), whole_text=True)
    if not text.strip(_INVISIBLE):
        return ExtractionFailed(text, "empty", "the text is empty")
    return Scan(text, read.at)


def _nothing(text: str, scan: Scan) -> Failure[ExtractionFailed]:
    if scan.too_deep:
        return Failure(ExtractionFailed(text, "too_deep", f"brackets nest deeper than {DEPTH_CAP}"))
    if scan.gave_up:
        return Failure(ExtractionFailed(text, "not_found", "so damaged that the search for a value was given up"))
    return Failure(ExtractionFailed(text, "not_found", "no JSON value in the text"))


def _recovered(text: str, scan: Scan) -> Outcome[Extracted, ExtractionFailed]:
    start = len(text) - len(text.lstrip(_INVISIBLE))
    cursor = Cursor(scan.text, start, len(text), islands=island_work(text), limit=work_limit(text), halves=True)
    try:
        value = read_document(cursor) if text[start] in "{[" else read_scalar(cursor)
    except TooDeep as deep:
        return Failure(ExtractionFailed(text, "too_deep", f"brackets nest deeper than {DEPTH_CAP} at {deep.at}"))
    except Hopeless:
        return Failure(ExtractionFailed(text, "not_found", "more faults than a JSON value can have"))
    if cursor.cut:
        cursor.note("truncated")
    if text[cursor.i :].strip(_INVISIBLE):
        cursor.note("text_dropped")
    replaced = scan.replaced(start, cursor.i)
    return Success(
        Extracted(value=value, span=Span(start, cursor.i), repairs=replaced + cursor.repairs, complete=not cursor.cut)
    )


def _by_rank(candidates: list[Candidate]) -> list[Candidate]:
    """Best first; of equals the last in the text first. One alone is not compared with anything."""
    if len(candidates) < 2:
        return candidates
    return sorted(candidates, key=lambda found: (found.rank, found.start), reverse=True)


def _joined(text: str, candidates: list[Candidate]) -> list[Candidate]:
    """Values with only commas, white space or comments between them become one list."""
    if len(candidates) < 2:
        return candidates
    joined: list[list[Candidate]] = []
    for found in candidates:
        if joined and _follows(text, joined[-1][-1], found):
            joined[-1].append(found)
        else:
            joined.append([found])
    return [run[0] if len(run) == 1 else _list_of(run) for run in joined]


def _follows(text: str, one: Candidate, two: Candidate) -> bool:
    between = _BETWEEN.match(text, one.end, two.start)
    return one.fence == two.fence and between is not None and between.end() == two.start


def _list_of(run: list[Candidate]) -> Candidate:
    kinds: list[RepairKind] = [kind for found in run for kind in found.kinds]
    return Candidate(
        value=[found.value for found in run],
        start=run[0].start,
        end=run[-1].end,
        repairs=(Repair("values_joined", run[0].start), *chain.from_iterable(found.repairs for found in run)),
        kinds=kinds,
        complete=all(found.complete for found in run),
        fence=run[0].fence,
    )


def _as_extracted(found: Candidate, *, ambiguous: bool = False) -> Extracted:
    return Extracted(
        value=found.value,
        span=Span(found.start, found.end),
        repairs=found.repairs,
        complete=found.complete,
        ambiguous=ambiguous,
    )
