"""Each line marked so must be refused by both checkers."""

from dataclasses import dataclass

from llm_manager import Op
from llm_manager.templates import ANOMALY_ANALYSIS, AnomalyInput, ask, query_template, template


@dataclass(frozen=True)
class Guest:
    """Variables."""

    name: str


greet = template(Guest, "{{ name }}", name="a")
typed = greet.answering(int)

wrong_record = ask(greet, AnomalyInput(data="x"))  # refused
wrong_mapping = ask(greet, {"name": "Ada"})  # refused
no_schema = query_template(greet, Guest("Ada"))  # refused
wrong_answer: Op[str] = query_template(typed, Guest("Ada"))  # refused
wrong_variables = query_template(ANOMALY_ANALYSIS, Guest("Ada"))  # refused
missing_field = query_template(ANOMALY_ANALYSIS, AnomalyInput())  # refused
wrong_request = greet.request("Ada")  # refused
no_name = template(Guest, "{{ name }}")  # refused
