"""``python -m llm_manager`` is ``llm-manager``."""

import sys

from llm_manager.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
