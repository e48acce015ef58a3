"""What an exchange is recognised by: its content, and never the moment or the key it was asked with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from hashlib import sha256
from typing import Any, Final, cast
from urllib.parse import urlsplit, urlunsplit

from llm_manager.domain.config import LLMConfig
from llm_manager.domain.request import JsonObject, LLMRequest
from llm_manager.domain.secret import Secret
from llm_manager.domain.target import Target
from llm_manager.testing.tape.lines import Asked, plain

HIDDEN: Final = "hidden"
"""What stands in a recording for a key."""

LOOKED_AT: Final = 2000
"""How far from either end two texts are compared to see how near they are, in characters."""

SHOWN: Final = 60
"""How much of a long text a difference shows, in characters."""


def asked_of(target: Target) -> JsonObject:
    """*target* as far as it says who is asked, without what its address may hold of secrets."""
    told = {
        "model": target.model,
        "provider": target.provider.name,
        "base_url": public_url(target.base_url),
        "custom_host": target.custom_host and public_url(target.custom_host),
        "path": target.settings and target.settings.path,
    }
    return {name: value for name, value in told.items() if value is not None}


def request_tree(request: LLMRequest) -> JsonObject:
    """*request* without what is at its default, so that a field the library adds later changes nothing.

    Without its labels, too, which nobody is asked with: a recording still answers when they change.
    """
    tree: dict[str, Any] = plain(replace(request, labels={}), without_defaults=True)
    return tree


def content_of(asked: Asked) -> str:
    """Two exchanges ask the same if and only if this is the same."""
    return json.dumps(_tree(asked), sort_keys=True)


def digest(request: LLMRequest) -> str:
    """A short name for what *request* says."""
    return sha256(json.dumps(request_tree(request), sort_keys=True).encode()).hexdigest()[:12]


def public_url(url: str) -> str:
    """*url* without what of it may be secret: a user name, a password, a query. One that cannot be read is all hidden.

    >>> public_url("https://me:secret@llm.example:8443/v1?key=secret"), public_url("http://[half")
    ('https://llm.example:8443/v1', 'hidden')
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return HIDDEN
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))


def without_keys(config: LLMConfig) -> LLMConfig:
    """*config* with as many keys, of which none opens anything: routing sees who has one."""
    keys = {name: tuple(Secret(HIDDEN) for _ in each) for name, each in config.keys.providers.items()}
    http = replace(
        config.http,
        base_urls={name: public_url(url) for name, url in config.http.base_urls.items()},
        proxy=config.http.proxy and public_url(config.http.proxy),
    )
    models = {
        name: replace(
            each,
            key=each.key and Secret(HIDDEN),
            virtual_key=each.virtual_key and Secret(HIDDEN),
            base_url=each.base_url and public_url(each.base_url),
        )
        for name, each in config.models.items()
    }
    providers = {
        name: replace(
            each,
            key=each.key and Secret(HIDDEN),
            headers={header: Secret(HIDDEN) for header in each.headers},
            base_url=each.base_url and public_url(each.base_url),
        )
        for name, each in config.providers.items()
    }
    return replace(
        config, keys=replace(config.keys, providers=keys), http=http, models=models, providers=providers, sources={}
    )


def secrets_in(value: object) -> Iterator[Secret]:
    """Every key in *value*, a record of this library."""
    if isinstance(value, Secret):
        yield value
    elif is_dataclass(value):
        for each in fields(value):
            yield from secrets_in(getattr(value, each.name))
    elif isinstance(value, Mapping):
        for inner in cast("Mapping[object, object]", value).values():
            yield from secrets_in(inner)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for inner in cast("Sequence[object]", value):
            yield from secrets_in(inner)


@dataclass(frozen=True, slots=True)
class Difference:
    """What was *recorded* at *path*, a dotted path, and what was *asked* instead; None where there was nothing."""

    path: str
    recorded: str | None
    asked: str | None

    def __str__(self) -> str:
        recorded, asked = _about_the_difference(self.recorded, self.asked)
        return f"{self.path}: recorded {recorded}, asked {asked}"


def differences(recorded: Asked, asked: Asked) -> tuple[Difference, ...]:
    """What *asked* has otherwise than *recorded*, field by field."""
    old, new = dict(_leaves(_tree(recorded), ())), dict(_leaves(_tree(asked), ()))
    paths = dict.fromkeys((*old, *new))
    differ = [path for path in paths if old.get(path) != new.get(path)]
    return tuple(Difference(".".join(map(str, path)), old.get(path), new.get(path)) for path in differ)


def distance(recorded: Asked, asked: Asked) -> float:
    """How far the two are apart: the parts of all fields that differ, added up."""
    return sum(1.0 - _alike(each.recorded, each.asked) for each in differences(recorded, asked))


def _tree(asked: Asked) -> JsonObject:
    request = {} if asked.request is None else {"request": asked.request}
    return {"how": asked.how, "service": asked.service, "target": asked.target, **request}


def _leaves(tree: object, path: tuple[object, ...]) -> Iterator[tuple[tuple[object, ...], str]]:
    """Every value in *tree* that holds no others, as JSON, by its path."""
    branches: Iterable[tuple[object, object]] = ()
    if isinstance(tree, Mapping):
        branches = cast("Mapping[object, object]", tree).items()
    elif isinstance(tree, list):
        branches = enumerate(cast("list[object]", tree))
    if branches and tree:
        for name, value in branches:
            yield from _leaves(value, (*path, name))
    else:
        yield path, json.dumps(tree)


def _alike(one: str | None, other: str | None) -> float:
    """The part of two texts that is the same from their beginnings and from their ends, as far as one looks."""
    if not one or not other:
        return 0.0
    shorter = min(len(one), len(other))
    begins = _begins_alike(one[:LOOKED_AT], other[:LOOKED_AT])
    ends = _begins_alike(one[: -LOOKED_AT - 1 : -1], other[: -LOOKED_AT - 1 : -1])
    return min(begins + ends, shorter) / max(len(one), len(other))


def _begins_alike(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    return next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _about_the_difference(one: str | None, other: str | None) -> tuple[str, str]:
    """Both as they are shown: long ones from a little before the place where they part."""
    if one is None or other is None:
        return (_cut(one, 0), _cut(other, 0))
    start = max(_begins_alike(one, other) - SHOWN // 3, 0)
    return (_cut(one, start), _cut(other, start))


def _cut(text: str | None, start: int) -> str:
    if text is None:
        return "nothing"
    if len(text) <= SHOWN:
        return text
    end = start + SHOWN
    return f"{'...' if start else ''}{text[start:end]}{'...' if end < len(text) else ''}"
