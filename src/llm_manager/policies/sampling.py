"""The sampling options of a request that a model does not take: which they are, and the request without them.

A condition (tools, a schema, images, a forced tool, a window) is not in this module: without it there is no answer, so
routing skips the model.
"""

from __future__ import annotations

from dataclasses import replace

from llm_manager.domain.catalog import SamplingOption
from llm_manager.domain.request import LLMRequest, Preferences
from llm_manager.domain.target import Target

_UNSET = Preferences()

_OPTIONS: tuple[SamplingOption, ...] = ("temperature", "top_p", "seed", "stop")


def refused_options(request: LLMRequest, target: Target) -> tuple[SamplingOption, ...]:
    """The sampling options that *request* has and that *target*, or its provider's API, does not take."""
    preferences, model, provider = request.preferences, target.facts.unsupported, target.provider.unsupported
    if not model and not provider:
        return ()
    return tuple(
        option
        for option in _OPTIONS
        if (option in model or option in provider) and getattr(preferences, option) != getattr(_UNSET, option)
    )


def dropped_options(request: LLMRequest, target: Target) -> tuple[SamplingOption, ...]:
    """Those of :func:`refused_options` whose absence has an effect: not a value that *target* samples at anyway."""
    defaults = target.provider.sampling_defaults
    return tuple(
        option
        for option in refused_options(request, target)
        if not any((option, getattr(request.preferences, option)) == default for default in defaults)
    )


def without_options(request: LLMRequest, options: tuple[SamplingOption, ...]) -> LLMRequest:
    """*request* without *options*.

    >>> wanted = LLMRequest(prompt="Why?", preferences=Preferences(temperature=0.0, max_tokens=9))
    >>> without_options(wanted, ("temperature",)).preferences == Preferences(max_tokens=9)
    True
    """
    unset = {option: getattr(_UNSET, option) for option in options}
    return replace(request, preferences=replace(request.preferences, **unset))
