"""The README's first program, against a simulated vendor: first_program.py README.md

It runs in an environment that holds the wheel and what the wheel brings, and nothing else.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import anyio.from_thread

from llm_manager.testing.simulator import Say, Simulator

FIRST = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def main() -> None:
    """Print what the program prints."""
    block = FIRST.search(Path(sys.argv[1]).read_text(encoding="utf-8"))
    if block is None:
        sys.exit("there is no program in it")
    with anyio.from_thread.start_blocking_portal() as portal:
        vendor = Simulator()
        with portal.wrap_async_context_manager(vendor):
            vendor.script("gpt-6.1-terra", [Say("It scatters.")])
            os.environ |= {"OPENAI_API_KEY": "sk-simulated", "OPENAI_BASE_URL": f"{vendor.url}/v1"}
            exec(compile(block[1], sys.argv[1], "exec"), {"__name__": "__main__"})  # noqa: S102  # our own page


if __name__ == "__main__":
    main()
