"""A new user's first minute: first_run.py WHEEL UV FOLDER

For every Python at hand that we support: an empty environment in FOLDER, the wheel with what it asks for (in the
versions of the lock, wheels only), then the commands that a new user gives first.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MINORS = range(11, 15)
QUIET = {name: text for name, text in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT")}
"""An environment that configures nothing."""


def pythons() -> Iterator[tuple[str, str]]:
    """Every version that we support and that is installed here, and its interpreter."""
    for minor in MINORS:
        found = _python(minor)
        if found is None:
            print(f"3.{minor}: not installed here, so not tried")
        else:
            yield f"3.{minor}", found


def _python(minor: int) -> str | None:
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    named = shutil.which(f"python3.{minor}")
    # a name is no proof: a shim of pyenv is there for versions that are not switched on, and links outlive environments
    is_it = f"import sys; sys.exit(sys.version_info[:2] != (3, {minor}))"
    for candidate in (*filter(None, (named,)), *map(str, sorted(pyenv.glob(f"3.{minor}.*/bin/python")))):
        if subprocess.run([candidate, "-c", is_it], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


def said(*command: str, code: int = 0) -> str:
    """What *command* prints, on both streams; it must end with *code*."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, env=QUIET, timeout=60
    )
    if done.returncode != code:
        sys.exit(f"{' '.join(command)} ended with {done.returncode} and not {code}:\n{done.stdout}")
    return done.stdout


def expect(part: str, text: str) -> None:
    """*text* must hold *part*."""
    if part not in text:
        sys.exit(f"expected {part!r} in:\n{text}")


def try_out(python: str, wheel: str, uv: str, folder: Path) -> int:
    """Install *wheel* for *python* and do what a new user does; how many packages were installed."""
    shutil.rmtree(folder, ignore_errors=True)
    made, lock = folder / ("Scripts" if os.name == "nt" else "bin"), str(ROOT / "requirements.lock")
    subprocess.run([uv, "venv", "--quiet", "--python", python, str(folder)], check=True)
    install = [uv, "pip", "install", "--quiet", "--python", str(folder), "--no-build", "--constraint", lock, wheel]
    subprocess.run(install, check=True)
    interpreter, command = str(made / "python"), str(made / "llm-manager")
    said(interpreter, "-I", "-W", "error", "-c", "import llm_manager")
    expect(Path(wheel).name.split("-")[1], said(command, "--version"))
    expect("OPENAI_API_KEY", said(command, "generate", "hi", code=2))
    program = said(interpreter, "-I", str(ROOT / "tools" / "first_program.py"), str(ROOT / "README.md"))
    expect("content='It scatters.'", program)
    return len(said(uv, "pip", "list", "--quiet", "--python", str(folder), "--format", "freeze").splitlines())


def main() -> None:
    """Try every Python at hand."""
    wheel, uv, folder = sys.argv[1:]
    for version, python in pythons():
        count = try_out(python, wheel, str(Path(uv).resolve()), Path(folder) / version)
        print(f"{version}: installed with {count - 1} packages beside it, and the first program ran")


if __name__ == "__main__":
    main()
