"""``templates``, and the requests that templates make of variables on a command line."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeGuard, cast

from returns.result import Failure, Success

from llm_manager import ConfigurationError, InvalidRequest, LLMRequest, Outcome
from llm_manager.cli.heard import heard
from llm_manager.cli.show import failed, print_json, print_line
from llm_manager.templates import (
    READY_MADE,
    PromptTemplate,
    SchemaTemplate,
    TemplateLibrary,
    Variable,
    load_templates,
    template_from_file,
)

if TYPE_CHECKING:
    from llm_manager.extraction import Schema

AnyTemplate: TypeAlias = PromptTemplate[Any]

FILE_ENDINGS: Final = (".prompt", ".toml")


def filling(command: argparse.ArgumentParser) -> None:
    """The options that name a template and fill it in."""
    command.add_argument(
        "--template", metavar="NAME", help="a ready-made template (NAME or NAME@VERSION), or a file that holds one"
    )
    command.add_argument(
        "--var",
        metavar="NAME=VALUE",
        action="append",
        help="one of its variables; NAME=@FILE takes what the file holds, NAME=@- standard input",
    )
    command.add_argument("--vars", metavar="FILE", help="its variables, as a JSON object; --var wins over it")


def from_template(
    name: str, file: str | None, pairs: Sequence[str]
) -> Outcome[tuple[LLMRequest, Schema[Any] | None], str | ConfigurationError | InvalidRequest]:
    """The request of the template *name* with its variables, and the type of its answer if it has one."""
    found = _found(name)
    if isinstance(found, Failure):
        return found
    template = found.unwrap()
    values = _values(template, file, pairs)
    if isinstance(values, Failure):
        return values
    made = template.request(values.unwrap())
    if isinstance(made, Failure):
        return made
    return Success((made.unwrap(), template.answer if _has_schema(template) else None))


def _has_schema(template: AnyTemplate) -> TypeGuard[SchemaTemplate[Any, Any]]:
    return isinstance(template, SchemaTemplate)


def _found(name: str) -> Outcome[AnyTemplate, ConfigurationError]:
    if name.endswith(FILE_ENDINGS) or "/" in name or "\\" in name:
        return template_from_file(name)
    return READY_MADE.find(name)


def _values(template: AnyTemplate, file: str | None, pairs: Sequence[str]) -> Outcome[dict[str, object], str]:
    values: dict[str, object] = {}
    if file is not None:
        read = _object_in(file)
        if isinstance(read, Failure):
            return read
        values.update(read.unwrap())
    declared = template.variables()
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            return Failure(f"--var {pair}: write NAME=VALUE")
        taken = _taken(text)
        if isinstance(taken, Failure):
            return Failure(f"--var {name}: {taken.failure()}")
        values[name] = _value(declared.get(name), taken.unwrap())
    return Success(values)


def _taken(text: str) -> Outcome[str, str]:
    """What *text* says, or what the file holds that it names."""
    if not text.startswith("@"):
        return Success(text)
    name = text.removeprefix("@")
    return heard() if name == "-" else _text_in(name)


def _value(variable: Variable | None, text: str) -> object:
    """*text* as the variable is typed: text stays as it is, everything else is read as JSON, if it is some."""
    if variable is None or variable.type == "str":
        return text
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value


def _object_in(name: str) -> Outcome[dict[str, object], str]:
    read = _text_in(name)
    if isinstance(read, Failure):
        return read
    try:
        tree: object = json.loads(read.unwrap())
    except (ValueError, RecursionError) as bad:
        return Failure(f"{name}: is not JSON: {bad}")
    if not isinstance(tree, dict):
        return Failure(f"{name}: is no JSON object with a value for each variable")
    return Success(cast("dict[str, object]", tree))


def _text_in(name: str) -> Outcome[str, str]:
    try:
        return Success(Path(name).read_text(encoding="utf-8"))
    except OSError as bad:
        return Failure(f"{name}: cannot be read: {bad.strerror}")
    except UnicodeDecodeError:
        return Failure(f"{name}: is not UTF-8 text")


def command(arguments: argparse.Namespace) -> int:
    """Print what templates there are, and what each takes."""
    found = _library(arguments.folder)
    if isinstance(found, Failure):
        return failed(found.failure(), as_json=arguments.json)
    templates = found.unwrap().templates
    if arguments.json:
        print_json([_told(each) for each in templates])
    elif not templates:
        print_line("there are no templates: a template file ends in .prompt or .toml")
    else:
        print_line("\n\n".join("\n".join(_lines(each)) for each in templates))
    return 0


def _library(folder: str | None) -> Outcome[TemplateLibrary[Any], ConfigurationError]:
    return Success(READY_MADE) if folder is None else load_templates(folder)


def _told(template: AnyTemplate) -> dict[str, object]:
    return {
        "name": template.name,
        "version": template.version,
        "description": template.description,
        "task_type": template.task_type,
        "source": template.source,
        "answer": _answer(template),
        "variables": template.variables(),
    }


def _answer(template: AnyTemplate) -> str | None:
    """The name of the type it answers with."""
    return getattr(template.answer, "__name__", None) if _has_schema(template) else None


def _lines(template: AnyTemplate) -> Iterator[str]:
    where = "" if template.source is None else f"  ({template.source})"
    yield f"{template.name}@{template.version}{where}"
    if template.description:
        yield f"  {template.description}"
    if (answer := _answer(template)) is not None:
        yield f"  Answers with {answer}."
    rows = [(name, _kind(each), _meaning(each)) for name, each in template.variables().items()]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    for name, kind, meaning in rows:
        yield f"    {name:{widths[0]}}  {kind:{widths[1]}}  {meaning}".rstrip()


def _kind(variable: Variable) -> str:
    return variable.type if variable.required else f"{variable.type}?"


def _meaning(variable: Variable) -> str:
    choices = f"one of {', '.join(map(str, variable.choices))}" if variable.choices else ""
    default = f"default {variable.default}" if variable.default else ""
    notes = "; ".join(filter(None, (choices, default)))
    return " ".join(filter(None, (variable.description, f"({notes})" if notes else "")))
