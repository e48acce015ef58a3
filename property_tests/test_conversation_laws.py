"""Whatever is done to a store of conversations, it holds what a dictionary of lists would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st
from returns.result import Failure, Success

from llm_manager import ConversationConflict, ConversationNotFound, StoredMessage, Usage, sqlite_conversations
from llm_manager.adapters.conversations.memory import MemoryConversations
from llm_manager.adapters.conversations.order import place_of
from llm_manager.domain.conversation import ConversationSummary, Opening, Turn, advanced, conversation_of
from llm_manager.domain.conversation_text import PART, text_of, turns_of
from llm_manager.domain.response import ComputedCost
from llm_manager.ports import ConversationStore
from llm_manager.testing import strategies

ids = st.sampled_from(["a", "b", "'; --", "nul \0", "half \ud83d"])
times = st.floats(0, 2e9, allow_nan=False)


@dataclass(frozen=True)
class Append:
    """Add turns to *id* as somebody who had read the version that is *behind* the newest."""

    id: str
    turns: tuple[Turn, ...]
    behind: int


@dataclass(frozen=True)
class Resend:
    """Send the last turns of *id* once more."""

    id: str
    count: int


@dataclass(frozen=True)
class Remove:
    """Forget *id*."""

    id: str


Act: TypeAlias = Append | Resend | Remove
Model: TypeAlias = dict[str, tuple[Turn, ...]]

messages = st.builds(
    StoredMessage,
    role=st.sampled_from(["system", "user", "assistant"]),
    content=st.text(st.characters(codec=None), max_size=20),
    timestamp=times,
)
turns = st.builds(
    Turn,
    id=st.uuids().map(str),
    at=times,
    messages=st.lists(messages, max_size=3).map(tuple),
    model=st.none() | st.just("gpt"),
    usage=st.none() | st.builds(Usage, prompt_tokens=st.integers(0, 99), cost=st.builds(ComputedCost, times)),
    opening=st.none()
    | st.builds(Opening, metadata=st.dictionaries(strategies.keys, st.none() | st.floats(0, 1), max_size=2)),
)
acts: st.SearchStrategy[list[Act]] = st.lists(
    st.one_of(
        st.builds(Append, ids, st.lists(turns, min_size=1, max_size=3).map(tuple), st.sampled_from([0, 0, 0, 1, -1])),
        st.builds(Resend, ids, st.integers(1, 3)),
        st.builds(Remove, ids),
    ),
    max_size=15,
)


async def act(store: ConversationStore, model: Model, what: Act) -> None:
    """Do it to both, and see that both say the same."""
    held = model.get(what.id, ())
    match what:
        case Append(id_, added, behind):
            expected = max(len(held) - behind, 0)
            outcome = await store.append(id_, expected, added)
            if expected == len(held):
                assert outcome == Success(expected + len(added))
                model[id_] = (*held, *added)
            else:
                error = ConversationConflict(id_) if held else ConversationNotFound(id_)
                assert outcome == Failure(error)
        case Resend(id_, count):
            again = held[-count:]
            if again:
                assert await store.append(id_, len(held) - len(again), again) == Success(len(held))
        case Remove(id_):
            assert await store.remove(id_) == (Success(None) if held else Failure(ConversationNotFound(id_)))
            model.pop(id_, None)


async def alike(store: ConversationStore, model: Model) -> None:
    """The store holds what the model does, and lists it page by page."""
    for id_, held in model.items():
        assert await store.load(id_) == Success(held)
    summaries = [advanced(None, id_, held) for id_, held in model.items()]
    pages: list[ConversationSummary] = []
    while part := (await store.page(pages[-1] if pages else None, 2)).unwrap():
        pages += part
    assert pages == sorted(summaries, key=place_of, reverse=True)


async def played(store: ConversationStore, what: Sequence[Act]) -> None:
    model: Model = {}
    for each in what:
        await act(store, model, each)
    await alike(store, model)


@settings(max_examples=30)
@given(acts)
def test_memory_holds_what_a_dictionary_would(what: list[Act]) -> None:
    anyio.run(played, MemoryConversations(), what)


@settings(max_examples=12)
@given(backend=st.sampled_from(["asyncio", "trio"]), what=acts)
def test_sqlite_holds_what_a_dictionary_would(backend: str, what: list[Act]) -> None:
    with TemporaryDirectory() as folder:

        async def playing() -> None:
            async with sqlite_conversations(Path(folder) / "chats.db") as store:
                await played(store, what)

        anyio.run(playing, backend=backend)


@given(turns)
def test_a_turn_comes_back_from_its_text_as_it_was(turn: Turn) -> None:
    text = text_of(turn)
    assert text.isascii()
    assert "\0" not in text
    assert turns_of([text]) == Success((turn,))


def test_what_is_read_in_parts_is_told_by_its_place_in_all() -> None:
    texts = [text_of(Turn(id=str(number), at=0.0)) for number in range(3 * PART + 1)]
    assert [turn.id for turn in turns_of(texts).unwrap()] == [str(number) for number in range(len(texts))]
    texts[2 * PART + 3] = texts[2 * PART + 3].replace('"at":0.0', '"at":"noon"')
    assert turns_of(texts) == Failure(f"it holds what is no conversation of ours, at {2 * PART + 3}.at")


@settings(max_examples=30)
@given(st.lists(turns, min_size=2, max_size=6), st.data())
def test_a_summary_moved_on_is_that_of_all_turns(some: list[Turn], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(some) - 1))
    whole = advanced(None, "a", some)
    assert advanced(advanced(None, "a", some[:cut]), "a", some[cut:]) == whole
    context = conversation_of("a", some)
    assert (context.version, len(context.messages), context.usage) == (
        whole.version,
        whole.message_count,
        whole.usage,
    )
    assert [message.version for message in context.messages] == [
        version for version, turn in enumerate(some, 1) for _ in turn.messages
    ]
