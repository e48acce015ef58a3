"""Where a chat keeps its conversations."""

from __future__ import annotations

import os
from dataclasses import replace

from returns.result import Failure, Success

from llm_manager import (
    ConfigurationError,
    Context,
    Layer,
    Outcome,
    Secret,
    config_from_env,
    live,
    replacing,
    sqlite_conversations,
)
from llm_manager.cli.home import own_file


def keeping(store: str | None) -> Outcome[Layer[Context, ConfigurationError, None], ConfigurationError | str]:
    """The context of a chat, whose conversations are in *store*, a URL or the path of a SQLite file.

    Without one they are where the settings say, and else in a file of ours in the user's data directory.
    """
    found = config_from_env(os.environ)
    if isinstance(found, Failure):
        return found
    config = found.unwrap()
    if store is not None and "://" in store:
        return Success(live(replace(config, conversations=replace(config.conversations, url=Secret(store)))))
    if store is None and config.conversations.url is not None:
        return Success(live(config))
    path = own_file("conversations.db") if store is None else Success(store)
    if isinstance(path, Failure):
        return path
    kept = sqlite_conversations(path.unwrap(), timeout_s=config.conversations.timeout_s)
    return Success(
        live(replace(config, conversations=replace(config.conversations, url=None))) | replacing(conversations=kept)
    )
