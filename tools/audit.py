"""Look every package of requirements.lock up in PyPI's data on vulnerabilities: audit.py PIP_AUDIT [LOCK]

Exit code 0 when all were looked up and none is known to be vulnerable, 1 when one is, and 2 when some could not be
looked up: pip-audit itself calls that a success, and where its data cannot be reached nothing has been looked at.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dist import ROOT

VULNERABLE, UNKNOWN = 1, 2

SHOWN = 5

BY_HAND = """\
By hand: run `make audit` on a machine that reaches PyPI's JSON data (not its index alone: each release has a field
"vulnerabilities" there), or give the lock to another reader of the same data, such as `osv-scanner --lockfile
requirements.txt:requirements.lock`."""


def verdict(report: Mapping[str, Any]) -> tuple[int, Sequence[str]]:
    """The exit code for what pip-audit reports as JSON, and what to say.

    >>> verdict({"dependencies": [{"name": "a", "version": "1", "vulns": []}]})
    (0, ['1 packages looked up: no known vulnerability'])
    """
    packages = report["dependencies"]
    skipped = [each for each in packages if "skip_reason" in each]
    found = list(_vulnerable(packages))
    if found:
        return VULNERABLE, found
    if skipped or not packages:
        names = ", ".join(each["name"] for each in skipped[:SHOWN])
        more = f" and {len(skipped) - SHOWN} more" if len(skipped) > SHOWN else ""
        return UNKNOWN, [f"{len(skipped)} of {len(packages)} packages could not be looked up: {names}{more}", BY_HAND]
    return 0, [f"{len(packages)} packages looked up: no known vulnerability"]


def _vulnerable(packages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for each in packages:
        for bad in each.get("vulns", ()):
            mended = ", ".join(bad["fix_versions"]) or "no version yet"
            names = ", ".join([bad["id"], *bad["aliases"]])
            yield f"{each['name']} {each['version']}: {names}; mended in {mended}"


def main() -> None:
    tool, lock = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else str(ROOT / "requirements.lock")
    command = [tool, "--requirement", lock, "--require-hashes", "--disable-pip", "--vulnerability-service", "pypi"]
    command += ["--progress-spinner", "off", "--format", "json", "--timeout", "20"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        code, said = verdict(json.loads(done.stdout))
    except (ValueError, KeyError):  # it could not even begin
        code, said = UNKNOWN, [done.stderr.strip() or "pip-audit said nothing", BY_HAND]
    print("\n".join(said), file=sys.stderr if code else sys.stdout)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
