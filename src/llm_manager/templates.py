"""Prompt templates: typed, versioned, from code, files or packages; checked before anything is sent.

    answer = query_template(ANOMALY_ANALYSIS, AnomalyInput(data=log))     # an Op[AnomalyAnalysis]

These are the public names, and nothing else; rendering needs the extra ``templates``. The guide to them is
``docs/how-to/templates.md``.
"""

from llm_manager.adapters.template_files import load_package_templates as load_package_templates
from llm_manager.adapters.template_files import load_templates as load_templates
from llm_manager.adapters.template_files import template_from_file as template_from_file
from llm_manager.operations.template import ask as ask
from llm_manager.operations.template import query_template as query_template
from llm_manager.prompts.anomaly_analysis import ANOMALY_ANALYSIS as ANOMALY_ANALYSIS
from llm_manager.prompts.anomaly_analysis import AnomalyAnalysis as AnomalyAnalysis
from llm_manager.prompts.anomaly_analysis import AnomalyInput as AnomalyInput
from llm_manager.prompts.anomaly_analysis import DetectedAnomaly as DetectedAnomaly
from llm_manager.prompts.anomaly_analysis import Evidence as Evidence
from llm_manager.prompts.anomaly_analysis import RecommendedAction as RecommendedAction
from llm_manager.prompts.component_generation import COMPONENT_GENERATION as COMPONENT_GENERATION
from llm_manager.prompts.component_generation import ComponentGeneration as ComponentGeneration
from llm_manager.prompts.component_generation import ComponentInput as ComponentInput
from llm_manager.prompts.component_generation import Dependency as Dependency
from llm_manager.prompts.component_generation import Prop as Prop
from llm_manager.prompts.file import parse_template as parse_template
from llm_manager.prompts.library import TemplateLibrary as TemplateLibrary
from llm_manager.prompts.library import library as library
from llm_manager.prompts.meaning import Meaning as Meaning
from llm_manager.prompts.ready_made import READY_MADE as READY_MADE
from llm_manager.prompts.template import PromptTemplate as PromptTemplate
from llm_manager.prompts.template import SchemaTemplate as SchemaTemplate
from llm_manager.prompts.template import Values as Values
from llm_manager.prompts.template import template as template
from llm_manager.prompts.variable import Variable as Variable
