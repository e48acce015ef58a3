"""What the library brings with it: pinned here, so that it cannot grow unnoticed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import metadata

import pytest

from dist import ROOT
from sbom import PLACES, closure

GIVEN = {"anyio", "httpx2", "pydantic", "returns", "structlog"}
"""What the library is made with."""

BROUGHT = {
    "annotated-types",
    "h11",
    "httpcore2",
    "idna",
    "pydantic-core",
    "truststore",
    "typing-extensions",
    "typing-inspection",
}
"""What those bring themselves; see docs/decisions/0101-thirteen-packages.md."""

LICENCES = {
    "annotated-types": "MIT",
    "anyio": "MIT",
    "h11": "MIT",
    "httpcore2": "BSD-3-Clause",
    "httpx2": "BSD-3-Clause",
    "idna": "BSD-3-Clause",
    "pydantic": "MIT",
    "pydantic-core": "MIT",
    "returns": "BSD-3-Clause",
    "structlog": "MIT OR Apache-2.0",
    "truststore": "MIT",
    "typing-extensions": "PSF-2.0",
    "typing-inspection": "MIT",
}


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place['sys_platform']}-{place['python_version']}")
def test_an_installation_brings_these_packages_and_no_others(place: Mapping[str, str]) -> None:
    assert closure(place) == GIVEN | BROUGHT


def test_the_licences_of_all_that_is_brought_let_anybody_use_it() -> None:
    said = {name: metadata(name)["License-Expression"] or metadata(name)["License"] for name in GIVEN | BROUGHT}
    assert said == LICENCES


def test_every_package_of_the_lock_has_its_hashes_and_comes_from_an_index() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[a-z0-9])", lock)
    assert len(entries) > 100
    assert [entry for entry in entries if not re.match(r"[a-z0-9.\[\],_-]+==[^ ]+ ", entry)] == []
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


def test_nothing_of_the_lock_runs_a_program_when_it_is_installed() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    synced = [line for line in makefile.splitlines() if "pip sync" in line]
    assert synced
    assert all("--no-build " in line and "--require-hashes" in line for line in synced)
    packages = [line for line in makefile.splitlines() if "npm ci" in line]
    assert packages
    assert all("--ignore-scripts" in line for line in packages)
