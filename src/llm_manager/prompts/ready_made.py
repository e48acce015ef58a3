"""The templates that come with the library, by name."""

from __future__ import annotations

from typing import Any, Final

from llm_manager.prompts.anomaly_analysis import ANOMALY_ANALYSIS
from llm_manager.prompts.component_generation import COMPONENT_GENERATION
from llm_manager.prompts.library import TemplateLibrary

READY_MADE: Final[TemplateLibrary[Any]] = TemplateLibrary((ANOMALY_ANALYSIS, COMPONENT_GENERATION))
"""Sorted by name and version, as every library is."""
