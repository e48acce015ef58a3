"""What is installed to build, to check and to release is pinned, and what a release brings is listed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import audit
import sbom
from dist import ROOT
from tests.release.test_dependencies import BROUGHT, GIVEN

CYCLONEDX = ROOT / ".tools" / "supply" / "bin" / "cyclonedx-py"


def test_the_list_of_a_release_is_what_an_installation_brings_with_its_hashes(tmp_path: Path) -> None:
    listed = json.loads(sbom.write(ROOT, tmp_path, str(CYCLONEDX)).read_text(encoding="utf-8"))
    components = {each["name"]: each for each in listed["components"]}
    assert (listed["bomFormat"], listed["metadata"]["component"]["name"]) == ("CycloneDX", "llm-manager")
    assert set(components) == GIVEN | BROUGHT
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for name, each in components.items():
        assert f"\n{name}=={each['version']} " in f"\n{lock}"
        [place] = each["externalReferences"]
        assert all(f"--hash=sha256:{known['content']}" in lock for known in place["hashes"])
        assert place["hashes"]


def test_the_same_tree_gives_the_same_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    one = sbom.write(ROOT, first, str(CYCLONEDX)).read_bytes()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    assert sbom.write(ROOT, second, str(CYCLONEDX)).read_bytes() == one


@pytest.mark.parametrize("lock", ["tools/bootstrap.lock", "tools/supply/requirements.lock"])
def test_what_builds_and_checks_is_pinned_with_hashes(lock: str) -> None:
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    entries = [line for line in lines if not line.startswith((" ", "#"))]
    assert entries
    assert all("==" in entry and entry.endswith("\\") for entry in entries)
    assert sum("--hash=sha256:" in line for line in lines) >= len(entries)


def test_the_first_tool_is_installed_from_hashes_and_from_wheels_alone() -> None:
    text = (ROOT / "tools" / "bootstrap.sh").read_text(encoding="utf-8")
    installs = [line for line in text.splitlines() if "-m pip install" in line]
    assert len(installs) == 1
    for option in ("--require-hashes", "--only-binary :all:", "--no-deps", "bootstrap.lock"):
        assert option in text


def test_a_package_that_is_known_to_be_vulnerable_fails_the_audit() -> None:
    bad = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2"]}
    report = {"dependencies": [{"name": "a", "version": "1", "vulns": [bad]}, {"name": "b", "skip_reason": "none"}]}
    assert audit.verdict(report) == (audit.VULNERABLE, ["a 1: PYSEC-1, CVE-1; mended in 2"])


def test_an_audit_that_could_not_look_has_failed_and_says_what_to_do() -> None:
    report = {"dependencies": [{"name": f"p{index}", "skip_reason": "not found"} for index in range(7)]}
    code, said = audit.verdict(report)
    assert code == audit.UNKNOWN
    assert said[0] == "7 of 7 packages could not be looked up: p0, p1, p2, p3, p4 and 2 more"
    assert "By hand" in said[1]
    assert audit.verdict({"dependencies": []})[0] == audit.UNKNOWN


def test_an_audit_that_cannot_begin_has_failed(tmp_path: Path) -> None:
    tool = tmp_path / "pip-audit"
    tool.write_text("#!/bin/sh\necho 'no network' >&2\nexit 1\n", encoding="utf-8")
    tool.chmod(0o755)
    command = [sys.executable, str(ROOT / "tools" / "audit.py"), str(tool)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # of our own tree
    assert done.returncode == audit.UNKNOWN
    assert done.stderr.startswith("no network\nBy hand")
