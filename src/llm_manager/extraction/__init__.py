"""Any text a model may write, to a value that can be trusted.

The rule of this room: pure and total. Every ``str`` is answered with a ``Success`` or a ``Failure``, the same one
always alike, in time linear in its length; nothing raises, and nothing that was repaired goes unsaid. What is JSON is
read by a C or Rust parser and returned untouched.

A repair rule is one function and its place in a table: quotes in :mod:`.strings`, words in :mod:`.scalars`, brackets
in :mod:`.brackets`, what counts as an answer in :mod:`.candidates`, coercions in :mod:`.coerce`. Each comes with cases
in ``tests/corpus``.
"""

from llm_manager.extraction.coerce import Coercion as Coercion
from llm_manager.extraction.extract import extract_all as extract_all
from llm_manager.extraction.extract import extract_json as extract_json
from llm_manager.extraction.extract import recover_json as recover_json
from llm_manager.extraction.extracted import Confidence as Confidence
from llm_manager.extraction.extracted import Extracted as Extracted
from llm_manager.extraction.extracted import JsonValue as JsonValue
from llm_manager.extraction.extracted import Repair as Repair
from llm_manager.extraction.extracted import RepairKind as RepairKind
from llm_manager.extraction.extracted import Span as Span
from llm_manager.extraction.extracted import explain as explain
from llm_manager.extraction.partial import PartialJson as PartialJson
from llm_manager.extraction.partial import Path as Path
from llm_manager.extraction.problems import reask as reask
from llm_manager.extraction.schema import Decoded as Decoded
from llm_manager.extraction.schema import Schema as Schema
from llm_manager.extraction.schema import decode_text as decode_text
from llm_manager.extraction.schema import extract_with_schema as extract_with_schema
from llm_manager.extraction.schema import json_schema as json_schema
from llm_manager.extraction.schema import validate as validate
from llm_manager.extraction.schema import validate_text as validate_text
