"""The environment variables we know: which setting each one is. Pure: the variables arrive as a mapping.

The keys and addresses of providers are named in the catalog; to add any other variable, add a row. ``llm-manager
config`` and the documentation list them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

from llm_manager.domain.catalog import PROVIDERS
from llm_manager.domain.ollama_host import ollama_host
from llm_manager.domain.problem import Problem

CONFIG_FILE = "LLM_MANAGER_CONFIG"
"""Names a TOML file with the same settings; a variable wins over it."""

Read: TypeAlias = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable, the dotted path of its setting and how its text is read; *read* raises ``ValueError``. A text that
    may hold a password *is_shown* nowhere."""

    name: str
    path: str
    read: Read
    wanted: str = "text"
    is_shown: bool = True


def _text(text: str) -> str:
    return text.strip()


def _one(text: str) -> tuple[str, ...]:
    return (text.strip(),)  # a file that holds a key ends in a line break


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _flag(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered not in ("1", "true", "yes", "on", "0", "false", "no", "off"):
        raise ValueError(text)
    return lowered in ("1", "true", "yes", "on")


def _providers(text: str) -> Mapping[str, Mapping[str, object]]:
    """Providers of one's own, separated by commas: ``name=URL``, or ``name=wire+URL`` for another wire than OpenAI's.

    >>> _providers("acme=https://llm.acme.example/v1, claude-proxy=anthropic+https://proxy.example")["claude-proxy"]
    {'base_url': 'https://proxy.example', 'wire': 'anthropic'}
    """
    found: dict[str, Mapping[str, object]] = {}
    for part in _list(text):
        name, has_address, address = part.partition("=")
        if not has_address or not name.strip() or not address.strip():
            raise ValueError(text)
        wire, has_wire, url = address.strip().partition("+")
        is_wired = bool(has_wire) and "/" not in wire
        found[name.strip()] = {"base_url": url, "wire": wire} if is_wired else {"base_url": address.strip()}
    return found


def _key(provider: str, *names: str) -> tuple[Variable, ...]:
    path = f"keys.providers.{provider}"
    singles = (Variable(name, path, _one) for name in names)
    lists = (Variable(f"{name}S", path, _list, "keys separated by commas") for name in names)
    return (*singles, *lists)


_OTHER_NAMES: Mapping[str, tuple[str, ...]] = {"gemini": ("GOOGLE_API_KEY",)}
"""What the key of a provider is also called; that name wins, as in Google's SDK (google-genai 3.4)."""

_ADDRESSES: Mapping[str, Read] = {"ollama": ollama_host}
"""How the address of a provider is read, where it need not be a URL."""

_KEYS = tuple(
    variable
    for row in PROVIDERS.values()
    if row.key_variable is not None
    for variable in _key(row.name, row.key_variable, *_OTHER_NAMES.get(row.name, ()))
)
_URLS = tuple(
    Variable(row.url_variable, f"http.base_urls.{row.name}", _ADDRESSES.get(row.name, _text))
    for row in PROVIDERS.values()
    if row.url_variable is not None
)

VARIABLES: tuple[Variable, ...] = (
    *_key("portkey", "PORTKEY_API_KEY"),
    Variable("PORTKEY_BASE_URL", "http.base_urls.portkey", _text),
    Variable("PORTKEY_GPT4_VIRTUAL_KEY", "models.gpt.virtual_key", _text),
    Variable("PORTKEY_CLAUDE_VIRTUAL_KEY", "models.claude.virtual_key", _text),
    Variable("PORTKEY_LLAMA_VIRTUAL_KEY", "models.llama.virtual_key", _text),
    *_KEYS,
    Variable("OPENAI_BASE_URL", "http.base_urls.openai", _text),
    Variable("ANTHROPIC_BASE_URL", "http.base_urls.anthropic", _text),
    Variable("GOOGLE_GEMINI_BASE_URL", "http.base_urls.gemini", _text),
    Variable("OPENAI_ORG_ID", "providers.openai.headers.OpenAI-Organization", _text),
    Variable("OPENAI_PROJECT_ID", "providers.openai.headers.OpenAI-Project", _text),
    Variable("LLM_MANAGER_PROVIDERS", "providers", _providers, "name=URL, several separated by commas", is_shown=False),
    *_URLS,
    Variable("LLAMA_MODEL_PATH", "models.llama.path", _text),
    Variable("MAX_REQUESTS_PER_MINUTE", "rate_limit.requests_per_minute", int, "a whole number"),
    Variable("MAX_TOKENS_PER_MINUTE", "rate_limit.tokens_per_minute", int, "a whole number"),
    Variable("REDIS_URL", "redis.url", _text),
    Variable("DATABASE_URL", "conversations.url", _text),
    Variable("DEBUG_PORTKEY_TIMING", "http.portkey.timings", _flag, "1 or 0"),
)


@dataclass(frozen=True, slots=True)
class Layered:
    """Settings as a tree, the source of each leaf by its dotted path, and what could not be read."""

    tree: Mapping[str, object]
    sources: Mapping[str, str]
    problems: tuple[Problem, ...] = ()


def from_environment(environ: Mapping[str, str], file: Layered) -> Layered:
    """What *environ* says, on top of what *file* says. A variable that is set to nothing is not set."""
    tree = _copy(file.tree)
    sources = dict(file.sources)
    problems = list(file.problems)
    for variable in VARIABLES:
        text = environ.get(variable.name, "")
        if not text.strip():
            continue
        try:
            value = variable.read(text)
        except ValueError:
            shown = f", not {text!r}" if variable.is_shown else ""
            problems.append(Problem(variable.path, f"must be {variable.wanted}{shown}", variable.name))
            continue
        _put_all(tree, sources, variable.path, value, variable.name)
    for path, name in _key_variables(tree):
        if environ.get(name, "").strip():
            _put_all(tree, sources, path, _text(environ[name]), name)
    if "models.llama.path" in sources and sources["models.llama.path"] == "LLAMA_MODEL_PATH":
        _put(tree, ["models", "llama", "provider"], "llama_cpp")
        sources["models.llama.provider"] = "LLAMA_MODEL_PATH"
    return Layered(tree, sources, tuple(problems))


def _key_variables(tree: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """The settings of keys that a provider or a model of *tree* has in a variable, with its name.

    That of a provider which the catalog does not know is called ``<NAME>_API_KEY`` where nothing else is stated.
    """
    for section in ("providers", "models"):
        for name, settings in _branch(tree, section).items():
            stated = _branch(_branch(tree, section), name).get("key_variable")
            if isinstance(stated, str) and stated:
                yield f"{section}.{name}.key", stated
            elif section == "providers" and name not in PROVIDERS and isinstance(settings, Mapping):
                yield f"{section}.{name}.key", f"{name.upper().replace('-', '_')}_API_KEY"


def _branch(tree: Mapping[str, object], name: str) -> Mapping[str, object]:
    branch = tree.get(name)
    return cast("Mapping[str, object]", branch) if isinstance(branch, Mapping) else {}


def from_file(tree: Mapping[str, object], source: str) -> Layered:
    """The settings of one file."""
    return Layered(tree, dict.fromkeys(_leaves(tree, ()), source))


def _leaves(tree: Mapping[str, object], above: tuple[str, ...]) -> tuple[str, ...]:
    found: list[str] = []
    for name, value in tree.items():
        path = (*above, str(name))
        if isinstance(value, Mapping):
            found.extend(_leaves(cast("Mapping[str, object]", value), path))
        else:
            found.append(".".join(path))
    return tuple(found)


def _copy(tree: Mapping[str, object]) -> dict[str, object]:
    return {
        name: _copy(cast("Mapping[str, object]", value)) if isinstance(value, Mapping) else value
        for name, value in tree.items()
    }


def _put_all(tree: dict[str, object], sources: dict[str, str], path: str, value: object, source: str) -> None:
    """Put *value* at *path*, a mapping leaf by leaf: what it does not name stays as it was."""
    if not isinstance(value, Mapping):
        _put(tree, path.split("."), value)
        sources[path] = source
        return
    for name, inner in cast("Mapping[str, object]", value).items():
        _put_all(tree, sources, f"{path}.{name}", inner, source)


def _put(tree: dict[str, object], path: list[str], value: object) -> None:
    for name in path[:-1]:
        branch = tree.get(name)
        if isinstance(branch, dict):
            tree = cast("dict[str, object]", branch)
        else:
            below: dict[str, object] = {}
            tree[name] = below
            tree = below
    tree[path[-1]] = value
