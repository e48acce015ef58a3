"""What a template may cost. Nobody's prompt is near these; a hostile template is stopped by them."""

from __future__ import annotations

from typing import Final

SOURCE_CHARS: Final = 100_000
"""The longest text of a template."""

VALUES_CHARS: Final = 4_000_000
"""The most text that the variables of one prompt may hold together: more than any model's window."""

RENDERED_CHARS: Final = 4_000_000
"""The longest prompt, and the longest text that a filter may make."""

WORK: Final = 1_000_000
"""How much may be done for one prompt: a unit for each expression each time it is met and for each 64 characters that
a filter or a comparison looks at. All of it takes about a second."""

NESTING: Final = 32
"""How deep blocks and expressions, each ``elif`` among them, and the values of variables may be nested."""

VARIABLES: Final = 1_000
"""The most variables that a template may take, and that it may be given."""

PROBLEMS: Final = 50
"""How many problems of one template are told; who has mended these is told the next."""

NUMBER_BITS: Final = 4_096
"""The largest whole number: some 1,200 digits. Python itself writes none of more than 4,300 as text."""
