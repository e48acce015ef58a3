"""What every store of conversations must do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import ConversationConflict, ConversationNotFound, ImagePart, StoredMessage, TextPart, ToolCall, Usage
from llm_manager.domain.conversation import ConversationSummary, Opening, Turn, advanced
from llm_manager.domain.response import ComputedCost
from llm_manager.ports import ConversationStore

pytestmark = pytest.mark.anyio

ODD_IDS = (
    "x'; DROP TABLE llm_manager_turn; --",
    '" OR 1=1 --',
    "%s ? :1 $1 {0}",
    "nul\0inside",
    "half \ud83d of a character",
    "🦄 ünïcode",
    "line\r\nbreak",
    "x" * 10_240,
    " ",
)


def turn(number: int, at: float = 1.0) -> Turn:
    said = (
        StoredMessage(role="user", content=f"question {number}", timestamp=at),
        StoredMessage(role="assistant", content=f"answer {number}", timestamp=at),
    )
    return Turn(id=f"turn {number}", at=at, messages=said, model="gpt", usage=Usage(prompt_tokens=number))


FULL = Turn(
    id="full",
    at=1_767_225_600.123456,
    messages=(
        StoredMessage(role="system", content="Be brief.", timestamp=1.0),
        StoredMessage(
            role="user",
            content=(TextPart("nul \0, half \ud83d, 🦄"), ImagePart(data=b"\xff\0", media_type="image/png")),
            timestamp=2.5,
        ),
        StoredMessage(
            role="assistant",
            timestamp=3.5,
            tool_calls=(ToolCall(id="1", name="look", arguments='{"at": "sky"}', signature="gemini:c2lnbmVk"),),
        ),
        StoredMessage(role="tool", content="blue", tool_call_id="1", timestamp=4.0),
    ),
    model="gemini",
    usage=Usage(prompt_tokens=3, completion_tokens=5, cost=ComputedCost(0.1)),
    opening=Opening(metadata={"who": ["me", None, 1.5]}, budget_usd=0.25),
)


async def test_what_is_added_comes_back_as_it_was_in_order(conversations: ConversationStore) -> None:
    assert await conversations.append("a", 0, (FULL,)) == Success(1)
    assert await conversations.append("a", 1, (turn(1), turn(2))) == Success(3)
    assert await conversations.load("a") == Success((FULL, turn(1), turn(2)))
    assert (await conversations.page(None, 9)).unwrap() == (advanced(None, "a", (FULL, turn(1), turn(2))),)


async def test_metadata_that_its_owner_or_a_reader_changes_is_not_changed_in_the_store(
    conversations: ConversationStore,
) -> None:
    mine: dict[str, Any] = {"tags": ["new"]}
    await conversations.append("a", 0, (replace(turn(1), opening=Opening(metadata=mine)),))
    mine["tags"].append("mine")
    loaded = (await conversations.load("a")).unwrap()[0].opening
    [listed] = (await conversations.page(None, 1)).unwrap()
    for read in (loaded, listed):
        assert read is not None
        assert read.metadata == {"tags": ["new"]}
        read.metadata["tags"].append("read")
    assert await conversations.load("a") == Success((replace(turn(1), opening=Opening(metadata={"tags": ["new"]})),))
    assert (await conversations.page(None, 1)).unwrap()[0].metadata == {"tags": ["new"]}


async def test_a_conversation_that_is_not_there_is_not_found(conversations: ConversationStore) -> None:
    await conversations.append("there", 0, (turn(1),))
    for missing in ("a", *ODD_IDS):
        assert await conversations.load(missing) == Failure(ConversationNotFound(missing))
        assert await conversations.append(missing, 1, (turn(1),)) == Failure(ConversationNotFound(missing))
        assert await conversations.remove(missing) == Failure(ConversationNotFound(missing))
    assert await conversations.load("there") == Success((turn(1),))


async def test_ids_are_kept_verbatim(conversations: ConversationStore) -> None:
    for number, odd in enumerate(ODD_IDS):
        assert await conversations.append(odd, 0, (turn(number),)) == Success(1)
    for number, odd in enumerate(ODD_IDS):
        assert await conversations.load(odd) == Success((turn(number),))
    assert {each.id for each in (await conversations.page(None, 99)).unwrap()} == set(ODD_IDS)


async def test_who_comes_second_conflicts_and_stores_nothing(conversations: ConversationStore) -> None:
    await conversations.append("a", 0, (turn(1),))
    await conversations.append("a", 1, (turn(2),))
    late = Failure(ConversationConflict("a"))
    assert await conversations.append("a", 1, (turn(3),)) == late
    assert await conversations.append("a", 0, (turn(3),)) == late
    assert await conversations.append("a", 1, (turn(2), turn(3))) == late
    assert await conversations.append("a", 3, (turn(4),)) == late
    assert await conversations.load("a") == Success((turn(1), turn(2)))


async def test_a_turn_that_is_sent_again_is_stored_once(conversations: ConversationStore) -> None:
    await conversations.append("a", 0, (turn(1),))
    assert await conversations.append("a", 1, (turn(2),)) == Success(2)
    assert await conversations.append("a", 1, (turn(2),)) == Success(2)
    await conversations.append("a", 2, (turn(3),))
    assert await conversations.append("a", 1, (turn(2),)) == Success(2)
    assert await conversations.load("a") == Success((turn(1), turn(2), turn(3)))
    assert (await conversations.page(None, 9)).unwrap()[0].version == 3


async def test_of_many_who_add_at_once_one_does(conversations: ConversationStore) -> None:
    await conversations.append("a", 0, (turn(0),))
    outcomes: list[object] = []

    async def add(number: int) -> None:
        outcomes.append(await conversations.append("a", 1, (turn(number),)))

    async with anyio.create_task_group() as group:
        for number in range(1, 9):
            group.start_soon(add, number)
    assert outcomes.count(Success(2)) == 1
    assert outcomes.count(Failure(ConversationConflict("a"))) == 7
    assert len((await conversations.load("a")).unwrap()) == 2


async def test_of_many_who_begin_at_once_one_does(conversations: ConversationStore) -> None:
    outcomes: list[object] = []

    async def begin(number: int) -> None:
        outcomes.append(await conversations.append("a", 0, (turn(number),)))

    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(begin, number)
    assert outcomes.count(Success(1)) == 1
    assert outcomes.count(Failure(ConversationConflict("a"))) == 7


async def test_what_is_forgotten_is_gone_and_can_be_begun_again(conversations: ConversationStore) -> None:
    await conversations.append("a", 0, (turn(1), turn(2)))
    await conversations.append("b", 0, (turn(1),))
    assert await conversations.remove("a") == Success(None)
    assert await conversations.load("a") == Failure(ConversationNotFound("a"))
    assert [each.id for each in (await conversations.page(None, 9)).unwrap()] == ["b"]
    assert await conversations.append("a", 0, (turn(3),)) == Success(1)
    assert await conversations.load("a") == Success((turn(3),))


async def test_what_was_said_in_one_that_is_gone_is_not_added_to_another_of_its_name(
    conversations: ConversationStore,
) -> None:
    for half in ("a", "half \ud83d"):
        first = replace(turn(1), id=f'{half} "1"')
        said = replace(turn(2), follows=first.id)
        await conversations.append("a", 0, (first,))
        await conversations.remove("a")
        await conversations.append("a", 0, (replace(first, id="another"),))
        assert await conversations.append("a", 1, (said,)) == Failure(ConversationConflict("a"))
        await conversations.remove("a")
        assert await conversations.append("a", 1, (said,)) == Failure(ConversationNotFound("a"))
        await conversations.append("a", 0, (first,))
        assert await conversations.append("a", 1, (said,)) == Success(2)
        assert await conversations.append("a", 1, (said,)) == Success(2), "sent again"
        assert await conversations.load("a") == Success((first, said))
        await conversations.remove("a")


async def test_the_last_updated_come_first_page_by_page(conversations: ConversationStore) -> None:
    for number, at in enumerate((5.0, 1.5, 3.0, 3.0, 1_767_225_600.25, 3.0)):
        await conversations.append(f"c{number}", 0, (turn(number, at),))
    await conversations.append("c1", 1, (turn(9, 4.0),))
    whole = (await conversations.page(None, 99)).unwrap()
    assert [each.updated_at for each in whole] == [1_767_225_600.25, 5.0, 4.0, 3.0, 3.0, 3.0]
    pages: list[ConversationSummary] = []
    while part := (await conversations.page(pages[-1] if pages else None, 2)).unwrap():
        pages += part
    assert tuple(pages) == whole
    assert {each.id for each in whole} == {f"c{number}" for number in range(6)}
