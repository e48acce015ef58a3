"""Write the list of what an installation brings (CycloneDX, JSON): sbom.py FOLDER CYCLONEDX_PY

The packages that the library needs, on every platform that it supports, in the versions and with the hashes of
requirements.lock; those of extras are not in it. The same tree gives the same bytes.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from dist import ROOT, released_s, version

PLACES: Sequence[Mapping[str, str]] = [
    {
        "python_version": f"3.{minor}",
        "python_full_version": f"3.{minor}.9",
        "sys_platform": platform,
        "platform_system": {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}[platform],
        "os_name": "nt" if platform == "win32" else "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "platform_machine": "x86_64",
    }
    for minor in range(11, 15)
    for platform in ("linux", "darwin", "win32")
]
"""Where the library is installed."""


def wanted(name: str, place: Mapping[str, str], extra: str = "") -> Iterator[str]:
    """What *name* asks for in *place*."""
    for line in requires(name) or ():
        needs = Requirement(line)
        if needs.marker is None or needs.marker.evaluate({**place, "extra": extra}):
            yield canonicalize_name(needs.name)


def closure(place: Mapping[str, str]) -> set[str]:
    """All that an installation in *place* without extras brings."""
    found: set[str] = set()
    open_ = ["llm-manager"]
    while open_:
        new = set(wanted(open_.pop(), place)) - found
        found |= new
        open_ += new
    return found


def locked(lock: str, names: set[str]) -> str:
    """The entries of *lock* that are about *names*.

    >>> locked("a==1 \\\\\\n    --hash=sha256:00\\n    # via b\\nb==2 \\\\\\n    --hash=sha256:11\\n", {"b"})
    'b==2 \\\\\\n    --hash=sha256:11\\n'
    """
    entries = re.split(r"\n(?=[a-z0-9])", lock.rstrip("\n"))
    return "".join(f"{entry}\n" for entry in entries if canonicalize_name(re.split(r"[=\[ ]", entry)[0]) in names)


def write(root: Path, folder: Path, tool: str) -> Path:
    """Have *tool*, the ``cyclonedx-py`` of the package ``cyclonedx-bom``, write the list of the tree at *root*."""
    number = version(root)
    names = set[str]().union(*map(closure, PLACES))
    file = folder / f"llm_manager-{number}.cdx.json"
    command = [tool, "requirements", "--pyproject", str(root / "pyproject.toml"), "--mc-type", "library"]
    command += ["--output-reproducible", "--output-format", "JSON", "--output-file", str(file), "-"]
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    stamped = {**os.environ, "SOURCE_DATE_EPOCH": str(released_s(changelog, number))}
    entries = locked((root / "requirements.lock").read_text(encoding="utf-8"), names)
    done = subprocess.run(command, env=stamped, input=entries, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return file


def main() -> None:
    folder, tool = Path(sys.argv[1]).resolve(), sys.argv[2]
    folder.mkdir(exist_ok=True)
    content = (file := write(ROOT, folder, tool)).read_bytes()
    print(f"{hashlib.sha256(content).hexdigest()}  {file.name}  {len(content):,} bytes")


if __name__ == "__main__":
    main()
