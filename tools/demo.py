"""``make demo``: the demo of the command line behind a real gateway, with a model of its own in process."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from llm_manager.cli.main import main
from portkey_gateway import portkey_gateway
from tiny_gguf import write_tiny_gguf

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, portkey_gateway() as url:
        model = write_tiny_gguf(Path(folder) / "tiny.gguf")
        sys.exit(main(["demo", "--portkey", url, "--gguf", str(model)]))
