"""Coverage-guided fuzzing of what comes over the wire: a part of ``make fuzz``.

The readers of the dialects, whole and streamed, and the decoders of frames. The claims are in ``wire_claims``, which
tells how bytes make an answer of a vendor; what breaks one belongs into ``test_wire_laws`` once it is mended.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from property_tests.fuzzing import atheris, fuzz

with atheris.instrument_imports(include=["llm_manager.adapters.dialects", "llm_manager.adapters.frames"]):
    from property_tests.wire_claims import BODIES, NAMES, WAYS, try_one

from property_tests.recorded_streams import STREAMS, WIRES

WORDS = (*(b"data: ", b"\n\n", b"\r\n", b"\xef\xbb\xbf", b"[DONE]", b": x\n"), *(name.encode() for name in NAMES))


def seeds() -> Iterator[bytes]:
    """Each recorded answer as it is, and with one change in each of many places."""
    names = tuple(WIRES)
    for at, way in enumerate(WAYS):
        for index in range(len(STREAMS)):
            for place in range(0, 256, 16):
                yield bytes((at, index, 0, 0, 0, place, index % 5, place))
        if way.__name__.startswith("any"):
            yield from (bytes((at, names.index(name))) + data for (name, _), data in {**BODIES, **STREAMS}.items())


if __name__ == "__main__":
    fuzz("wire", try_one, seeds(), WORDS, seconds=int(sys.argv[1]), most_bytes=2048)
