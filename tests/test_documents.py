"""Every block of Python in the README and the pages runs as written, against a simulated vendor, and prints what stands
in the block of text right below it; settings are settings, and commands are commands."""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import anyio.from_thread
import pytest
from hypothesis import HealthCheck, settings
from returns.result import Success

import llm_manager
from llm_manager import parse_config
from llm_manager.cli.main import parser
from llm_manager.testing.simulation import parse_scenario
from llm_manager.testing.simulator import Say, Simulator

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```(?:\n\n```text\n(.*?)^```)?", re.MULTILINE | re.DOTALL)
"""A block, and what it prints if a block of text comes right after it."""
SETTINGS = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:^\$|[|]) llm-manager (.*)$", re.MULTILINE)


def with_any(pattern: re.Pattern[str]) -> list[Path]:
    return [page for page in PAGES if pattern.search(page.read_text(encoding="utf-8"))]


@pytest.fixture(autouse=True)
def unhurried() -> Iterator[None]:
    """A page may hold laws: what they find is theirs, how long a busy machine takes for it is not."""
    before = settings.get_current_profile_name()
    patient = settings(settings.get_profile(before), deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("unhurried", patient)
    settings.load_profile("unhurried")
    yield
    settings.load_profile(before)


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    with anyio.from_thread.start_blocking_portal() as portal:
        server = Simulator()
        with portal.wrap_async_context_manager(server):
            monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
            monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
            yield server


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_code_of_a_page_runs(
    page: Path, vendor: Simulator, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor.script("gpt-6.1-terra", [Say("It scatters.")] * 2)
    module = ModuleType("page")  # dataclasses look their module up
    monkeypatch.setitem(sys.modules, "page", module)
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        code, shown = block.groups()
        exec(compile(code, str(page), "exec"), vars(module))  # noqa: S102  # our own pages
        printed = capsys.readouterr().out
        assert "Failure" not in printed
        assert shown is None or printed == shown


@pytest.mark.parametrize("page", with_any(SETTINGS), ids=lambda page: str(page.relative_to(ROOT)))
def test_the_settings_of_a_page_are_settings_or_a_scenario(page: Path) -> None:
    for text in SETTINGS.findall(page.read_text(encoding="utf-8")):
        tree = tomllib.loads(text)
        if "groups" in tree.get("keys", {}):  # of keys that stand in the environment
            tree["keys"]["providers"] = {"openai": ["key-one-0000", "key-two-0000", "key-three-00"]}
        read = parse_scenario(tree) if "traffic" in tree else parse_config(tree)
        assert isinstance(read, Success), read


@pytest.mark.parametrize("page", with_any(COMMAND), ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_are_commands(page: Path) -> None:
    for line in COMMAND.findall(page.read_text(encoding="utf-8")):
        words = shlex.split(re.split(r" [|<>] ", line)[0], comments=True)
        parser().parse_args(words)


def test_the_first_program_has_at_most_ten_lines() -> None:
    first, _ = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))[0]
    assert len(first.splitlines()) <= 10


def test_every_link_of_the_readme_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert (ROOT / target).exists(), target


PACKAGE = Path(llm_manager.__file__).parent  # where it is installed, which need not be here
RECIPES = (ROOT / "docs" / "explanation" / "where-things-go.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([\w/]+\.py|\w+/[\w/]+)`", RECIPES))))
def test_a_file_that_a_recipe_names_is_there(name: str) -> None:
    named_in_full = any((home / name).exists() for home in (ROOT, PACKAGE.parent, PACKAGE))
    assert named_in_full or any(PACKAGE.rglob(name)) or any(ROOT.glob(f"*tests/**/{name}"))


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_\w+)\*?`", RECIPES))))
def test_a_test_that_a_recipe_names_is_there(name: str) -> None:
    assert any(f"def {name}" in path.read_text(encoding="utf-8") for path in ROOT.glob("*tests/**/test_*.py"))
