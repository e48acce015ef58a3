"""What a package index shows: the README without its links, which lead into the source and there to nothing.

Hatchling runs this when it builds (``[tool.hatch.metadata.hooks.custom]``); there is no public repository to link to.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?!https?:)(?P<target>[^)#\s]+)(?:#[^)]*)?\)")
WHERE = "\n\nThe files named here are in the source distribution.\n"


def page(readme: str) -> str:
    """*readme* with each link into the source said as the name of its file.

    >>> print(page("[Streams](docs/streams.md#ends) and [docs/cost.md](docs/cost.md)"))
    Streams (`docs/streams.md`) and `docs/cost.md`
    <BLANKLINE>
    The files named here are in the source distribution.
    <BLANKLINE>
    """
    return LINK.sub(_named, readme).rstrip() + WHERE


def _named(link: re.Match[str]) -> str:
    text, target = link["text"], link["target"]
    return f"`{target}`" if text == target else f"{text} (`{target}`)"


class PackagePage(MetadataHookInterface):
    """The hook that Hatchling looks for."""

    def update(self, metadata: dict[str, Any]) -> None:  # the signature of Hatchling
        """Add the description to the metadata of the project."""
        readme = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": page(readme)}
