"""Importing the library does nothing else."""

from __future__ import annotations

import subprocess
import sys

WATCHED = """
import os, sys
seen = []
sys.addaudithook(lambda event, _: seen.append(event) if event.startswith("socket.") else None)
class Watched(type(os.environ)):
    def __getitem__(self, key):
        seen.append(f"environment {key}")
        return super().__getitem__(key)
os.environ.__class__ = Watched
import MODULE
print(seen)
heavy = ("httpx2", "httpx", "pydantic", "structlog", "h11", "hypothesis", "jinja2", "opentelemetry", "genai_prices")
print([name for name in heavy if name in sys.modules])
"""


def imported(module: str) -> list[str]:
    code = WATCHED.replace("MODULE", module)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    return done.stdout.splitlines()


def test_importing_opens_no_socket_reads_no_environment_and_loads_nothing_heavy() -> None:
    assert imported("llm_manager") == ["[]", "[]"]


def test_importing_the_extraction_alone_is_as_quiet() -> None:
    assert imported("llm_manager.extraction")[0] == "[]"


def test_importing_templates_loads_no_engine() -> None:
    assert imported("llm_manager.templates") == ["[]", "[]"]
