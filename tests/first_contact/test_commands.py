"""The first ten minutes at a terminal: each thing that goes wrong says what, why, and what to do next."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import llm_manager
from llm_manager.cli.main import main
from llm_manager.testing.simulator import Simulator, Status
from tests.first_contact.conftest import Without

Capture = pytest.CaptureFixture[str]
COMMAND = (sys.executable, "-m", "llm_manager")
LIBRARY_HAS_NO_KEY = (
    "llm-manager: the configuration is wrong: keys.providers: no provider is configured: set one of PORTKEY_API_KEY, "
    "OPENAI_API_KEY, GROQ_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY, OLLAMA_HOST, LM_STUDIO_URL, LLAMA_MODEL_PATH, "
    "or another variable that `llm-manager config` lists\n"
)


def told(capsys: Capture, *argv: str, code: int) -> str:
    """What the command says on standard error; nothing is on standard output."""
    try:
        ended = main(argv)
    except SystemExit as end:  # of argparse
        ended = int(end.code or 0)
    out, err = capsys.readouterr()
    assert (out, ended) == ("", code)
    return err


def test_a_bare_call_says_what_there_is_and_gives_an_example(capsys: Capture) -> None:
    said = told(capsys, code=2)
    assert "Ask language models, and see how they would be asked." in said
    assert "needs no account" in said
    assert said.endswith('\nllm-manager: give a command, such as: llm-manager generate "Why is the sky blue?"\n')


@pytest.mark.parametrize(
    ("argv", "last"),
    [
        (["generat", "hi"], "llm-manager: error: there is no command 'generat': did you mean generate?"),
        (
            ["sing"],
            "llm-manager: error: there is no command 'sing': there are generate, plan, chat, compare, extract, batch, "
            "templates, models, health, status, config, simulate, demo, completion",
        ),
        (
            ["generate", "--modle=gpt", "hi"],
            "llm-manager generate: error: '--modle=gpt' is not understood: did you mean --model?",
        ),
        (["generate", "-q", "hi"], "llm-manager generate: error: '-q' is not understood: see --help"),
        (["--jsn", "models"], "llm-manager: error: '--jsn' is not understood: see --help"),
        (
            ["generate", "Why", "is", "the", "sky", "blue?"],
            "llm-manager generate: error: 'is' is not understood: put quotation marks around a text of several words, "
            'such as "... is the sky"',
        ),
    ],
)
def test_a_slip_of_the_fingers_is_met_with_the_word_that_was_meant(capsys: Capture, argv: list[str], last: str) -> None:
    assert told(capsys, *argv, code=2).splitlines()[-1] == last


def test_the_version_is_told(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert (end.value.code, capsys.readouterr().out) == (0, f"llm-manager {llm_manager.__version__}\n")


def test_without_a_key_it_says_which_variables_would_help(capsys: Capture) -> None:
    assert told(capsys, "generate", "hi", code=2) == LIBRARY_HAS_NO_KEY


def test_without_a_key_the_settings_end_with_what_to_set(capsys: Capture) -> None:
    assert main(["config"]) == 0
    out = capsys.readouterr().out
    assert ["OPENAI_API_KEY", "keys.providers.openai", "-"] in [line.split() for line in out.splitlines()]
    assert out.endswith(
        "no provider is configured: set OPENAI_API_KEY or another of the variables that `llm-manager config` lists, "
        "or see `llm-manager demo`, which needs none\n"
    )


def test_a_variable_that_is_all_but_one_of_ours_is_met_with_that_one(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_KEY", "sk-canary-0123456789")
    assert main(["config"]) == 0
    out = capsys.readouterr().out
    assert "\nOPENAI_KEY is set, and is no variable of ours: did you mean OPENAI_API_KEY?\n" in out
    assert "canary" not in out


def test_the_settings_call_unset_what_is_no_limit(capsys: Capture, vendor: Simulator) -> None:
    assert main(["config"]) == 0
    rows = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines() if line}
    assert rows["budget.limit_usd"] == ["no", "limit", "default"]
    assert rows["redis.url"] == ["not", "set", "default"]
    assert rows["OPENAI_API_KEY"] == ["keys.providers.openai", "set"]
    assert "no" not in rows


def test_the_status_without_a_model_says_what_to_set(capsys: Capture) -> None:
    assert main(["status"]) == 1
    assert "no provider is configured: set OPENAI_API_KEY" in capsys.readouterr().out


def test_a_wrong_key_is_told_in_the_vendors_words_without_the_key(vendor: Simulator, capsys: Capture) -> None:
    vendor.script("gpt-6.1-terra", [Status(401, None, "Incorrect API key provided: sk-wrong-0123456789.")])
    assert told(capsys, "generate", "hi", code=1) == (
        "llm-manager: no valid key for gpt-6.1-terra (Incorrect API key provided: Secret('...6789').): "
        "check it (`llm-manager config` shows what is set, and from where)\n"
    )


def test_an_unknown_model_is_met_with_those_like_it(vendor: Simulator, capsys: Capture) -> None:
    said = told(capsys, "generate", "--model", "gtp-4o", "hi", code=2)
    assert re.sub("[0-9a-f]{13}", "ID", said) == (
        "llm-manager: the request is invalid: preferences.model: unknown model 'gtp-4o'; did you mean gpt-4o or "
        "gpt-5.4 or gpt-4.1? (write provider/model for one that is not in the catalog) (request ID)\n"
    )


def test_every_typing_error_of_a_file_is_told_at_once(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "c.toml").write_text(
        '[retry]\nbases_s = 1\n[routng]\nstrategy = "cost"\n[keys.providers]\nopnai = ["x"]\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LLM_MANAGER_CONFIG", "c.toml")
    assert told(capsys, "generate", "hi", code=2) == (
        "llm-manager: the configuration is wrong: retry.bases_s (c.toml): is unknown: did you mean base_s?; "
        "routng (c.toml): is unknown: did you mean routing?; "
        "keys.providers.opnai (c.toml): 'opnai' is no provider: did you mean openai?\n"
    )


def test_a_file_that_is_not_there_is_named_with_the_variable_that_names_it(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_MANAGER_CONFIG", "nowhere.toml")
    assert told(capsys, "generate", "hi", code=2) == (
        "llm-manager: the configuration is wrong: LLM_MANAGER_CONFIG (nowhere.toml): there is no such file\n"
    )


def test_a_refused_connection_says_what_to_check(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hasty = tmp_path / "hasty.toml"
    hasty.write_text("[retry]\nmax_retries = 0\n")
    with socket.socket() as taken:  # bound, and never listening: whoever connects is refused
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("OPENAI_API_KEY", "sk-any-0123456789")
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
        monkeypatch.setenv("LLM_MANAGER_CONFIG", str(hasty))
        said = told(capsys, "generate", "hi", code=1)
    assert said.startswith("llm-manager: no connection to gpt-6.1-terra (connect) (")
    assert said.endswith("): check its base URL, that it is running, and whether a proxy is needed (http.proxy)\n")


def test_a_schema_without_the_extra_names_it(capsys: Capture, without: Without, tmp_path: Path) -> None:
    without("jsonschema")
    (tmp_path / "s.json").write_text("{}")
    assert told(capsys, "extract", "--schema", str(tmp_path / "s.json"), code=2) == (
        "llm-manager: schemas from files need a validator: pip install 'llm-manager[cli]'\n"
    )


def test_completion_without_the_extra_names_it(capsys: Capture, without: Without) -> None:
    without("shtab")
    assert told(capsys, "completion", "bash", code=2) == (
        "llm-manager: completion needs shtab: pip install 'llm-manager[cli]'\n"
    )


@pytest.mark.parametrize(
    ("variable", "address", "package", "said"),
    [
        (
            "REDIS_URL",
            "redis://127.0.0.1:1",
            "hiredis",
            "redis.url: hiredis is not installed: pip install 'llm-manager[redis]'",
        ),
        (
            "DATABASE_URL",
            "postgresql://127.0.0.1/x",
            "psycopg",
            "conversations.url: psycopg is not installed: pip install 'llm-manager[postgres]'",
        ),
    ],
)
def test_a_store_without_its_extra_names_it(
    capsys: Capture,
    vendor: Simulator,
    without: Without,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    address: str,
    package: str,
    said: str,
) -> None:
    without(package)
    monkeypatch.setenv(variable, address)
    assert told(capsys, "generate", "hi", code=2) == f"llm-manager: the configuration is wrong: {said}\n"


def test_a_template_without_the_extra_names_it(bare: dict[str, str]) -> None:
    hidden = "import sys; sys.modules['jinja2'] = None; from llm_manager.cli.main import main; sys.exit(main())"
    arguments = ("generate", "--template", "anomaly-analysis", "--var", "data=x")
    command = (sys.executable, "-c", hidden, *arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=bare, timeout=60)  # noqa: S603
    assert (done.returncode, done.stderr) == (
        2,
        "llm-manager: the request is invalid: prompt (anomaly-analysis@2): templates are rendered by Jinja2: "
        "pip install 'llm-manager[templates]'\n",
    )


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # what stands in for them is open for as long as we run
def test_streams_that_were_closed_before_we_began_are_done_without(
    vendor: Simulator, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as closed:
        closed.setattr(sys, "stdin", None)
        closed.setattr(sys, "stderr", None)
        assert main(["generate"]) == 2
    with monkeypatch.context() as closed:
        closed.setattr(sys, "stdout", None)
        assert main(["generate", "hi"]) == 1
    assert capsys.readouterr() == (
        "",
        "llm-manager: standard output is closed, and answers go there: open it or give a file\n",
    )
    assert vendor.received == []


def test_the_package_runs_as_the_command(bare: dict[str, str]) -> None:
    done = subprocess.run(  # our own program
        (sys.executable, "-m", "llm_manager", "--version"), capture_output=True, text=True, check=False, env=bare
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"llm-manager {llm_manager.__version__}\n", "")


def test_without_standard_output_nothing_is_asked(vendor: Simulator, capsys: Capture) -> None:
    closed = subprocess.run(  # noqa: S602  # a line of ours, for what only a shell can do
        f'"{sys.executable}" -m llm_manager generate hi >&-',
        shell=True,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    assert (closed.returncode, closed.stderr) == (
        1,
        "llm-manager: standard output is closed, and answers go there: open it or give a file\n",
    )
    assert vendor.received == []


def test_without_standard_error_answers_come_and_errors_have_their_exit_code(vendor: Simulator) -> None:
    for prompt, code, out in (("hi", 0, "You said: hi\n"), (" ", 2, "")):
        done = subprocess.run(  # noqa: S602  # as above
            f'"{sys.executable}" -m llm_manager generate "{prompt}" 2>&- <&-',
            shell=True,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
        assert (done.returncode, done.stdout) == (code, out)


def test_standard_output_that_takes_nothing_is_told(vendor: Simulator) -> None:
    with Path(os.devnull).open(encoding="utf-8") as unwritable:
        command = (*COMMAND, "generate", "hi")
        done = subprocess.run(  # noqa: S603  # our own command
            command, stdout=unwritable, stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )
    assert (done.returncode, done.stderr) == (
        1,
        "llm-manager: standard output cannot be written: Bad file descriptor\n",
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_template_in_a_pipe_that_nobody_writes_is_an_empty_one(capsys: Capture, tmp_path: Path) -> None:
    pipe = tmp_path / "t.prompt"
    os.mkfifo(pipe)
    assert told(capsys, "generate", "--template", str(pipe), code=2) == (
        f"llm-manager: the configuration is wrong: name ({pipe}): field required; prompt ({pipe}): field required\n"
    )


def test_a_batch_where_there_are_no_file_locks_says_so(
    vendor: Simulator, capsys: Capture, without: Without, tmp_path: Path
) -> None:
    without("fcntl")
    (tmp_path / "in.jsonl").write_text('{"id": 1, "prompt": "hi"}\n')
    assert told(capsys, "batch", str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl"), code=2) == (
        f"llm-manager: {tmp_path / 'out.jsonl.part'}: this system has no file locks that end with their process: "
        "use Linux, macOS or WSL\n"
    )


def test_the_command_line_starts_without_what_only_unix_has(bare: dict[str, str]) -> None:
    unix = ("fcntl", "termios", "tty", "pwd", "grp", "resource", "readline")
    hidden = f"import sys; sys.modules.update(dict.fromkeys({unix}))"
    starting = f"{hidden}; from llm_manager.cli.main import main; main(['models'])"
    done = subprocess.run(  # noqa: S603  # our own program
        (sys.executable, "-c", starting), capture_output=True, text=True, check=False, env=bare, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
