"""How Sphinx builds these pages. A warning is an error."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_sphinx"))

project = "llm_manager"
extensions = ["myst_parser", "sphinx.ext.autodoc", "error_table", "public_names"]
html_theme = "furo"
html_title = "llm_manager"
html_copy_source = False
exclude_patterns = ["_build", "_sphinx"]
nitpicky = True
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
python_display_short_literal_types = True
python_maximum_signature_line_length = 80
toc_object_entries_show_parents = "hide"
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
suppress_warnings = ["ref.python"]  # two doors have a `Fault` each; what leads nowhere is another warning
