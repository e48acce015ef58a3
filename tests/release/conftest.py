"""What is released is built once, and once more elsewhere."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from dist import ROOT, build


@dataclass(frozen=True, slots=True)
class Built:
    """What one build has made."""

    wheel: Path
    source: Path


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """What the tree at hand is built into."""
    wheel, source = sorted(build(ROOT, tmp_path_factory.mktemp("built")), key=lambda path: path.suffix != ".whl")
    return Built(wheel, source)


@pytest.fixture(scope="session")
def unpacked(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree that the source distribution holds."""
    folder = tmp_path_factory.mktemp("another place")
    with tarfile.open(built.source) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # a security fix: Python 3.11.4 and newer
        archive.extractall(folder)  # noqa: S202  # we have built it
    (tree,) = folder.iterdir()
    return tree
