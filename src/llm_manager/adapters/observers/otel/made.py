"""How an observer comes by its tracer and its meter: from the program's providers, under this library's name."""

from __future__ import annotations

from importlib.metadata import version

from opentelemetry.metrics import MeterProvider as MeterProvider
from opentelemetry.metrics import get_meter
from opentelemetry.trace import TracerProvider as TracerProvider
from opentelemetry.trace import get_tracer

from llm_manager.adapters.observers.otel.names import Names
from llm_manager.adapters.observers.otel.observer import OtelObserver as OtelObserver
from llm_manager.adapters.system import SystemClock

LIBRARY = "llm_manager"


def observer(
    tracer_provider: TracerProvider | None,
    meter_provider: MeterProvider | None,
    words: Names,
    *,
    with_text: bool,
) -> OtelObserver:
    """An observer that speaks *words* to these providers, to the program's global ones if None."""
    ours = version("llm-manager")
    tracer = get_tracer(LIBRARY, ours, tracer_provider)
    meter = get_meter(LIBRARY, ours, meter_provider)
    return OtelObserver(tracer, meter, words, with_text=with_text, unix_s=SystemClock().unix_s)
