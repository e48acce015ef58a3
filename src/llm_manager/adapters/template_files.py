"""Template files from a directory, or from a Python package that carries them.

Files end in ``.prompt`` (TOML, and the prompt below it) or ``.toml``; others beside them are left alone. Only one
folder is read, and no file is followed from within another.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import IO, Final

from returns.result import Failure, Success

from llm_manager.domain.errors import ConfigurationError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.prompts.file import parse_template
from llm_manager.prompts.library import TemplateLibrary, library
from llm_manager.prompts.template import PromptTemplate, Values

ENDINGS: Final = (".prompt", ".toml")

MOST_BYTES: Final = 256 * 1024
"""The largest file that is read."""


def template_from_file(path: str | Path) -> Outcome[PromptTemplate[Values], ConfigurationError]:
    """The template in the file *path*; fails with every problem of the file, each with its line or path."""
    file = _at(path)
    return _read(file, str(file))


def load_templates(directory: str | Path) -> Outcome[TemplateLibrary[Values], ConfigurationError]:
    """The templates in *directory*; fails with every problem of all its files."""
    folder = _at(directory)
    return _all(folder, f"{folder}/")


def _at(path: str | Path) -> Path:
    return Path(os.path.expanduser(path))  # noqa: PTH111  # pathlib raises where no home is


def load_package_templates(package: str) -> Outcome[TemplateLibrary[Values], ConfigurationError]:
    """The templates that the Python package *package*, such as ``my_app.prompts``, carries as files.

    Imports the package, as :mod:`importlib.resources` does: name your own, never what a user wrote.
    """
    try:
        folder = resources.files(package)
    except TypeError:  # before Python 3.12, a module that is no package; later, it stands for the package around it
        return Failure(ConfigurationError((Problem("", "is a module, and no package", package),)))
    except ModuleNotFoundError as bad:
        if not f"{package}.".startswith(f"{bad.name}."):
            raise  # the package is there, and lacks something itself
        return Failure(ConfigurationError((Problem("", "there is no such package", package),)))
    return _all(folder, f"{package}:")


def _all(folder: Traversable, prefix: str) -> Outcome[TemplateLibrary[Values], ConfigurationError]:
    try:
        files = sorted((each for each in folder.iterdir() if each.name.endswith(ENDINGS)), key=lambda each: each.name)
    except (OSError, ValueError) as bad:  # a ValueError is of a path that holds a NUL
        return Failure(ConfigurationError((Problem("", f"cannot be read: {_why(bad)}", prefix.rstrip("/:")),)))
    return _together([_read(each, f"{prefix}{each.name}") for each in files if each.is_file()])


def _together(
    read: Iterable[Outcome[PromptTemplate[Values], ConfigurationError]],
) -> Outcome[TemplateLibrary[Values], ConfigurationError]:
    templates: list[PromptTemplate[Values]] = []
    problems: list[Problem] = []
    for each in read:
        if isinstance(each, Success):
            templates.append(each.unwrap())
        else:
            problems.extend(each.failure().problems)
    return Failure(ConfigurationError(tuple(problems))) if problems else library(templates)


def _read(file: Traversable, source: str) -> Outcome[PromptTemplate[Values], ConfigurationError]:
    try:
        with _opened(file) as opened:
            content = opened.read(MOST_BYTES + 1)
        text = content.decode()
    except FileNotFoundError:
        said = "there is no such file"
    except UnicodeDecodeError:
        said = "is not UTF-8 text"
    except (OSError, ValueError) as bad:
        said = f"cannot be read: {_why(bad)}"
    else:
        if len(content) <= MOST_BYTES:
            return parse_template(text, source)
        said = f"is larger than {MOST_BYTES:,} bytes"
    return Failure(ConfigurationError((Problem("", said, source),)))


def _opened(file: Traversable) -> IO[bytes]:
    """*file*, without waiting for anybody to write it: a pipe that nobody writes is empty, as one that was closed."""
    if not isinstance(file, Path) or not hasattr(os, "O_NONBLOCK"):  # Windows has no pipes among its files
        return file.open("rb")
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    try:
        os.set_blocking(descriptor, True)  # who writes may take their time
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _why(bad: OSError | ValueError) -> str:
    return (bad.strerror if isinstance(bad, OSError) else None) or str(bad)
