"""What is claimed of every body and stream of a vendor, however damaged: for a fuzzer's bytes, and for random ones.

Bytes are a program: which recorded answer is taken, and what is changed in it, deep in its JSON and in its bytes. So
even a short one reaches what a reader does behind its first look.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, final

from returns.result import Failure, Success

from llm_manager.adapters.bodies import read_whole
from llm_manager.adapters.dialects.json_values import as_list, as_object
from llm_manager.adapters.frames import Events, Frames, Texts
from llm_manager.adapters.http.driver import HttpAnswer
from llm_manager.domain.codec import from_json, to_json
from llm_manager.domain.descriptions import describe
from llm_manager.domain.errors import LLMError, StreamBroken
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.stream import TextDelta
from llm_manager.testing.laws.law import holds, same
from llm_manager.testing.simulator.asked import Asked
from property_tests.recorded_streams import ANSWERS, STREAMS, WIRES, read, target

CAP: Final = 1_000_000
STATUSES: Final = (200, 201, 204, 400, 401, 402, 404, 413, 429, 500, 503, 529)

BODIES: Final[Mapping[tuple[str, str], bytes]] = {
    (name, answer): wire.body(Asked(model="m", last_text="hi"), reply, 1)
    for name, (_, wire) in WIRES.items()
    for answer, reply in ANSWERS.items()
}

ODD_VALUES: Final[Sequence[Any]] = (
    *(None, True, False, 0, -1, 1, 0.5, -0.0, 1e308, 2**31, 2**63, 10**309, 10**4000),
    *(
        "",
        " ",
        "x",
        "0",
        "-1",
        "stop",
        "error",
        "tool_calls",
        "\ud800",
        "\udc00",
        "\x00\x1b[2J",
        "{",
        "[DONE]",
        "é" * 70,
    ),
    *([], [None], [[]], [{}], ["x"], {}, {"x": None}, {"text": "x"}, {"error": "x"}, {"index": -1}, [0] * 70),
)
"""What may stand in any place of an answer."""

NAMES: Final = (
    *("error", "choices", "delta", "content", "tool_calls", "function", "name", "arguments", "index", "id", "usage"),
    *("finish_reason", "reasoning", "reasoning_content", "refusal", "message", "type", "code", "text", "content_block"),
    *("stop_reason", "partial_json", "thinking", "signature", "candidates", "parts", "functionCall", "args", "thought"),
    *("finishReason", "usageMetadata", "promptFeedback", "blockReason", "done", "done_reason", "eval_count", "model"),
)
"""Fields that a reader may look for."""

EDITS: Final = 6


@final
class Choices:
    """Decisions, a byte each; the first of everything once there are no more."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def below(self, count: int) -> int:
        """A number from 0 to *count*, which is not among them."""
        byte = self._data[self._at] if self._at < len(self._data) else 0
        self._at += 1
        return byte % count

    def of(self, options: Sequence[Any]) -> Any:
        """One of *options*."""
        return options[self.below(len(options))]

    def rest(self) -> bytes:
        """What has not been used."""
        return self._data[self._at :]


def try_one(data: bytes) -> None:
    """All claims on the answer that *data* makes."""
    choices = Choices(data)
    way: Callable[[Choices], None] = choices.of(WAYS)
    way(choices)


def edited_stream(choices: Choices) -> None:
    """A recorded stream, changed in some places."""
    name, answer = choices.of(tuple(STREAMS))
    framing = WIRES[name][0].framing
    frames = list(decoder(framing).feed(STREAMS[name, answer]) or ())
    for _ in range(1 + choices.below(EDITS)):
        at = choices.below(len(frames))
        frames[at : at + 1] = choices.of((_changed, _changed, _changed, _doubled, _dropped))(frames[at], choices)
        frames = frames or [b"{}"]
    mark = (b"data: ", b"\n\n") if framing == "sse" else (b"", b"\n")
    stream_claims(name, b"".join(mark[0] + frame + mark[1] for frame in frames), choices)


def edited_body(choices: Choices) -> None:
    """A recorded whole answer, changed in some places."""
    name, answer = choices.of(tuple(BODIES))
    body = BODIES[name, answer]
    for _ in range(1 + choices.below(EDITS)):
        [body] = _changed(body, choices)
    body_claims(name, choices.of(STATUSES), body)


def any_stream(choices: Choices) -> None:
    """Any bytes as a stream."""
    name = choices.of(tuple(WIRES))
    stream_claims(name, choices.rest(), Choices(b""))


def any_body(choices: Choices) -> None:
    """Any bytes as a whole answer."""
    body_claims(choices.of(tuple(WIRES)), choices.of(STATUSES), choices.rest())


def any_frames(choices: Choices) -> None:
    """Any bytes, cut into the texts that they carry."""
    step, cap = 1 + choices.below(9), choices.of((CAP, 7, 1))
    frame_claims(choices.rest(), step, cap)


WAYS: Final = (edited_stream, edited_body, any_stream, any_body, any_frames)
"""How bytes make an answer."""


def stream_claims(name: str, stream: bytes, choices: Choices) -> None:
    """However *stream* is cut: it is read alike, its end is an answer or an error, and its pieces add up to that."""
    deltas, ended = read(name, [stream])
    places = sorted({0, len(stream), *(choices.below(256) * len(stream) // 256 for _ in range(2))})
    same("how it is cut changes nothing", read(name, [stream[a:b] for a, b in pairwise(places)]), (deltas, ended))
    text = "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))
    if isinstance(ended, Success):
        same("the pieces add up to the answer", text, ended.unwrap().content)
    elif isinstance(error := ended.failure(), StreamBroken):
        same("a broken stream has its text", error.partial, text)
    outcome_claims(ended)


def body_claims(name: str, status: int, body: bytes) -> None:
    """*body* is an answer or an error."""
    outcome_claims(read_whole(WIRES[name][0], HttpAnswer(status=status, headers={}, body=body), target(name)))


def outcome_claims(ended: Outcome[LLMResponse, LLMError]) -> None:
    """What comes out can be told, written and read again, and nothing in it is beyond counting."""
    if isinstance(ended, Failure):
        holds("an error has a sentence", is_true=bool(describe(ended.failure())), of=ended)
        _written(LLMError, ended.failure())
        return
    response = ended.unwrap()
    for count in (response.usage.prompt_tokens, response.usage.completion_tokens, response.usage.total_tokens):
        holds("counts are counts", is_true=count is None or 0 <= count < 2**64, of=response.usage)
    for call in response.tool_calls:
        holds("a call has a name", is_true=bool(call.name), of=call)
    _written(LLMResponse, response)


def _written(kind: Any, value: LLMResponse | LLMError) -> None:
    text = to_json(value)
    json.loads(text, parse_constant=_not_json)
    if "?" not in text:  # which stands for half of a character
        same("what is written is read again", from_json(kind, text).map(to_json), Success(text))


def _not_json(name: str) -> None:
    raise AssertionError(name)


def frame_claims(data: bytes, step: int, cap: int) -> None:
    """How it is cut changes nothing, and what comes out is what a decoder says that knows the whole of it."""
    for framing, decoded in (("sse", events_of), ("ndjson", texts_of)):
        whole = _fed(decoder(framing, cap), [data])
        pieces = _fed(decoder(framing, cap), [data[at : at + step] for at in range(0, len(data), step)])
        if whole is None or pieces is None:
            holds("only what is over the cap is refused", is_true=len(data) > cap, of=(cap, data))
        if cap > len(data):
            same(f"{framing} in one piece", whole, decoded(data))
            same(f"{framing} in pieces", pieces, decoded(data))


def decoder(framing: str, cap: int = CAP) -> Frames:
    """The decoder of *framing*."""
    return (Events if framing == "sse" else Texts)(cap)


def _fed(frames: Frames, chunks: Sequence[bytes]) -> list[bytes] | None:
    found: list[bytes] = []
    for chunk in chunks:
        texts = frames.feed(chunk)
        if texts is None:
            return None
        found.extend(texts)
    return found


def _lines(data: bytes) -> list[bytes]:
    """The lines of *data* that have ended."""
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")[:-1]


def events_of(data: bytes) -> list[bytes]:
    """The events in *data*, as the standard tells it, step by step (WHATWG HTML, 9.2.6), save that one whose data is
    empty is given too."""
    events: list[bytes] = []
    found: list[bytes] | None = None
    for line in _lines(data.removeprefix(b"\xef\xbb\xbf")):
        name, _, value = line.partition(b":")
        if not line:
            if found is not None:
                events.append(b"\n".join(found))
            found = None
        elif name == b"data":
            found = [*(found or ()), value.removeprefix(b" ")]
    return events


def texts_of(data: bytes) -> list[bytes]:
    """The texts in *data*, a line each."""
    return [line for line in _lines(data.removeprefix(b"\xef\xbb\xbf")) if line.strip()]


def _changed(frame: bytes, choices: Choices) -> list[bytes]:
    """*frame* with another value in one place of its JSON; what is no JSON is cut short."""
    try:
        tree = json.loads(frame)
    except ValueError:
        return [frame[: choices.below(len(frame) + 1)]]
    places = list(_places(tree))
    if not places:
        return [json.dumps(choices.of(ODD_VALUES)).encode()]
    parent, key = places[choices.below(256) * len(places) // 256]
    choices.of((_replace, _replace, _remove, _wrap, _add))(parent, key, choices)
    return [json.dumps(tree).encode()]


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Each value in *tree*: what holds it, and its name or index there."""
    for key, value in (*as_object(tree).items(), *enumerate(as_list(tree))):
        yield tree, key
        yield from _places(value)


def _replace(parent: Any, key: Any, choices: Choices) -> None:
    parent[key] = choices.of(ODD_VALUES)


def _remove(parent: Any, key: Any, _choices: Choices) -> None:
    del parent[key]


def _wrap(parent: Any, key: Any, choices: Choices) -> None:
    parent[key] = choices.of(([parent[key]], {choices.of(NAMES): parent[key]}, [parent[key], parent[key]]))


def _add(parent: Any, _key: Any, choices: Choices) -> None:
    value = choices.of(ODD_VALUES)
    if isinstance(parent, dict):
        parent[choices.of(NAMES)] = value
    else:
        parent.append(value)


def _doubled(frame: bytes, _choices: Choices) -> list[bytes]:
    return [frame, frame]


def _dropped(_frame: bytes, _choices: Choices) -> list[bytes]:
    return []
