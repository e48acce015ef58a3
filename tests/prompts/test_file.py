"""A template file: what it may say, and every problem with its line or path."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from returns.result import Failure, Success

from call_count import calls_of
from llm_manager import ConfigurationError, LLMRequest, Preferences, Problem, describe
from llm_manager.prompts.variable import Variable
from llm_manager.templates import (
    TemplateLibrary,
    load_package_templates,
    load_templates,
    parse_template,
    template_from_file,
)

WHOLE = """\
+++
name = "triage"
version = "1.2"
description = "Sort a message."
task_type = "analysis"
system_prompt = "You sort {{ kind }}s."

[preferences]
temperature = 0.0
stop = ["END"]

[variables.message]
description = "What somebody wrote."
max_length = 100

[variables.kind]
default = "mail"
choices = ["mail", "ticket"]
+++
Sort this:
{{ message | fenced }}
"""


def said(text: str) -> list[str]:
    return [str(problem) for problem in parse_template(text, "f.prompt").failure().problems]


def test_a_file_says_everything_that_a_template_can() -> None:
    read = parse_template(WHOLE, "f.prompt").unwrap()
    assert read.description == "Sort a message."
    assert read.variables() == {
        "message": Variable(description="What somebody wrote.", max_length=100),
        "kind": Variable(default="mail", choices=("mail", "ticket")),
    }
    assert read.request({"message": "help"}).unwrap() == LLMRequest(
        prompt="Sort this:\n```\nhelp\n```",
        system_prompt="You sort mails.",
        task_type="analysis",
        preferences=Preferences(temperature=0.0, stop=("END",)),
        labels={"template": "triage", "template_version": "1.2"},
    )


def test_a_file_may_be_toml_alone() -> None:
    read = parse_template("name = 'a'\nversion = 3\nprompt = 'Hi {{ x }}'\n[variables]\nx = {}", "a.toml").unwrap()
    assert (read.version, read.request({"x": "y"}).unwrap().prompt) == ("3", "Hi y")


def test_windows_line_ends_and_a_byte_order_mark_are_taken() -> None:
    read = parse_template("\ufeff" + WHOLE.replace("\n", "\r\n"), "f.prompt").unwrap()
    assert read.request({"message": "help"}).unwrap().prompt == "Sort this:\n```\nhelp\n```"


def test_every_problem_of_a_file_is_told_at_once() -> None:
    text = """\
+++
name = "triage"
versoin = 1
[preferences]
temperature = 7.0
[variables.a]
type = "int"
default = "x"
[variables.b]
max_length = 0
[variables._c]
type = "txt"
[variables.d]
type = "bool"
max_length = 3
[variables.e]
default = "x"
optional = true
choices = ["y", 1]
+++
{{ a }}{{ d }}{{ e }}
{{ z }}
"""
    assert said(text) == [
        "versoin (f.prompt): is unknown: did you mean version?",
        "variables._c.type (f.prompt): input should be 'str', 'int', 'float', 'bool', 'list' or 'json', not \"txt\"",
        "preferences.temperature (f.prompt): is 7.0: give a number from 0 to 2",
        "variables.a.default (f.prompt): is text: give a whole number",
        "variables.b.max_length (f.prompt): is 0: give a number above 0",
        "variables._c (f.prompt): is no name that a template can use: write it like a Python name",
        "variables.d.max_length (f.prompt): is for what has a length, and this is true or false",
        "variables.e.choices.1 (f.prompt): is a whole number: give text",
        "variables.e.default (f.prompt): is 'x': give one of 'y', 1",
        "variables.e.optional (f.prompt): says that null may stand for it, but it has a default: keep one of both",
        "prompt (f.prompt, line 22): uses 'z', which is no variable of it: use one of a, b, _c, d, e",
        "variables.b (f.prompt): is declared and never used: use it in a text, or leave it out",
        "variables._c (f.prompt): is declared and never used: use it in a text, or leave it out",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "+++\nname = 'x'\nfoo\n+++\n",
            "f.prompt: is not TOML: Expected '=' after a key in a key/value pair (at line 3",
        ),
        ("+++\nname = 'x'\n", "f.prompt: begins with +++ and has no second line of +++"),
        ("a = " + "[" * 2000, "f.prompt: is TOML nested too deep"),
        ("version = " + "9" * 5_000, "f.prompt: is not TOML: Exceeds the limit"),
        ("+++\nname = 'x'\nprompt = 'a'\n+++\nb", "prompt (f.prompt): is there twice: under the second +++"),
        ("+++\n+++\nb", "name (f.prompt): field required"),
        ("+++\nname = 'x'\n+++\n{% if %}", "prompt (f.prompt, line 4): is not understood: Expected an expression"),
        ("name = 'x'\nprompt = '''\na\n{{ y }}'''", "prompt (f.prompt, line 2 of the text): uses 'y', which is no"),
        ("name = 'x'\nprompt = 'a'\ntask_type = 7", "task_type (f.prompt): input should be a valid string, not 7"),
    ],
)
def test_a_file_that_is_wrong_is_told_where(text: str, problem: str) -> None:
    assert said(text)[0].startswith(problem)


HOSTILE = {
    "dotted": "a" + ".a" * 40 + " = 1",
    "dotted escapes": "a = 1\n  " + '"\\"" . ' * 40 + "b = 1",
    "escapes": '\\"' * 125_000,
    "dotted default": "name = 'a'\nprompt = '{{ x }}'\nvariables.x.default" + ".a" * 40 + " = 1",
    "dotted table": "[a" + " . 'a'" * 40 + "]",
    "dotted inside": "a = {b" + ".a" * 40 + " = 1}",
    "tables in tables": "[" + ".".join("a" * 30) + "]\n" + "[" + ".".join("a" * 30) + ".b]\nc = {d = {e = 1}}",
    "long word": "a" * 250_000,
    "quotes": "'" * 250_000,
    "words": "a.b " * 60_000,
    "unknown fields": "".join(f"f{number} = 1\n" for number in range(10_000)),
    "unknown names": "+++\nname = 'a'\n"
    + "".join(f"[variables.n{number}]\n" for number in range(900))
    + "+++\n"
    + "".join(f"{{{{ m{number} }}}}" for number in range(9_000)),
    "names": "+++\nname = 'a'\n" + "".join(f"[variables.n{number}]\n" for number in range(9_000)) + "+++\n",
    "nested": "a = " + "{a = " * 50_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_refused_in_seconds(text: str) -> None:
    problems: list[object] = []
    assert calls_of(lambda: problems.extend(parse_template(text, "f.toml").failure().problems)) < 10_000_000
    assert problems


def test_no_more_problems_are_told_than_somebody_reads() -> None:
    text = "+++\nname = 'a'\n+++\n" + "".join(f"{{{{ m{number} }}}}" for number in range(200))
    assert len(said(text)) == 50


@pytest.mark.parametrize(
    ("path", "said"), [("~nobody-of-this-name/x.prompt", "there is no such file"), ("a\0b", "embedded null byte")]
)
def test_a_path_that_cannot_be_one_is_told(path: str, said: str) -> None:
    for found in (template_from_file(path), load_templates(path)):
        assert isinstance(found.failure(), ConfigurationError)
    assert said in describe(template_from_file(path).failure())


def write(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / name.replace("_dot_", ".")).write_text(text, encoding="utf-8")
    return folder


def test_a_folder_is_a_library_of_versions(tmp_path: Path) -> None:
    write(
        tmp_path,
        a_dot_prompt="+++\nname = 'hi'\nversion = '1.9'\n+++\nold",
        b_dot_prompt="+++\nname = 'hi'\nversion = '1.10'\n+++\nnew",
        c_dot_toml="name = 'other'\nprompt = 'x'",
        README_dot_md="not a template",
    )
    read = load_templates(tmp_path).unwrap()
    assert [(each.name, each.version) for each in read.templates] == [("hi", "1.9"), ("hi", "1.10"), ("other", "1")]
    assert read.find("hi").unwrap().prompt == "new"
    assert read.find("hi@1.9").unwrap().prompt == "old"
    assert read.find("hi@2").failure().problems == (Problem("template", "'hi@2' is none: there are hi@1.9, hi@1.10"),)
    assert read.find("othr").failure().problems[0].message == "'othr' is none: did you mean other?"


def test_every_problem_of_all_files_of_a_folder_is_told(tmp_path: Path) -> None:
    write(tmp_path, a_dot_prompt="+++\nname = 'a'\n+++\n{{ x }}", b_dot_toml="name = ")
    told = load_templates(tmp_path).failure().problems
    assert [problem.source for problem in told] == [f"{tmp_path}/a.prompt, line 4", f"{tmp_path}/b.toml"]


def test_one_version_in_two_files_is_told(tmp_path: Path) -> None:
    write(tmp_path, a_dot_prompt="+++\nname = 'a'\n+++\nx", b_dot_toml="name = 'a'\nprompt = 'y'")
    [problem] = load_templates(tmp_path).failure().problems
    assert problem.message == (
        f"a@1 is there 2 times: in {tmp_path}/a.prompt, {tmp_path}/b.toml; give each a version of its own"
    )


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "bytes.prompt").write_bytes(b"\xff\xfe")
    (tmp_path / "huge.prompt").write_bytes(b"a" * (256 * 1024 + 1))
    (tmp_path / "folder.prompt").mkdir()
    told = {name: template_from_file(tmp_path / f"{name}.prompt") for name in ("bytes", "huge", "folder", "none")}
    assert told == {
        name: Failure(ConfigurationError((Problem("", message, str(tmp_path / f"{name}.prompt")),)))
        for name, message in {
            "bytes": "is not UTF-8 text",
            "huge": "is larger than 262,144 bytes",
            "folder": "cannot be read: Is a directory",
            "none": "there is no such file",
        }.items()
    }
    assert load_templates(tmp_path / "none").failure().problems[0].message == (
        "cannot be read: No such file or directory"
    )


def test_an_empty_folder_is_an_empty_library(tmp_path: Path) -> None:
    assert load_templates(tmp_path).unwrap().find("a").failure().problems[0].message == (
        "'a' is none: there are no templates"
    )


def test_a_package_carries_templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "app_with_prompts"
    package.mkdir()
    write(package, __init___dot_py="", hi_dot_prompt="+++\nname = 'hi'\n[variables.who]\n+++\nHi {{ who }}")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    found = load_package_templates("app_with_prompts").unwrap().find("hi").unwrap()
    assert (found.source, found.request({"who": "Ada"}).unwrap().prompt) == ("app_with_prompts:hi.prompt", "Hi Ada")


def test_a_package_that_is_not_there_is_told() -> None:
    for name in ("no_such_package", "no_such_package.prompts", "llm_manager.no_such_part"):
        told = load_package_templates(name)
        assert told == Failure(ConfigurationError((Problem("", "there is no such package", name),)))


def test_a_module_is_no_package_or_stands_for_the_one_around_it() -> None:
    outcome = load_package_templates("llm_manager.ports")
    assert outcome in (
        Success(TemplateLibrary()),
        Failure(ConfigurationError((Problem("", "is a module, and no package", "llm_manager.ports"),))),
    )


def test_a_package_that_lacks_something_itself_is_a_bug_and_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "app_that_lacks_something"
    package.mkdir()
    write(package, __init___dot_py="import no_such_module_at_all")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all"):
        load_package_templates("app_that_lacks_something")


@dataclass(frozen=True)
class Message:
    """What a program passes."""

    message: str


def test_a_file_gets_its_types_where_it_is_used() -> None:
    typed = parse_template(WHOLE, "f.prompt").unwrap().taking(Message).answering(str)
    assert typed.request(Message("help")).unwrap().system_prompt == "You sort mails."
    too_long = typed.request(Message("a" * 101)).failure().problems
    assert too_long == (Problem("message", "is 101 characters long, and at most 100 are taken", "triage@1.2"),)
