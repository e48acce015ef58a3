"""Time as the machines are given it: standing still, in the smallest of steps, and in huge ones.

The rule: every moment is a multiple of :data:`TICK_S` below :data:`END_S`, so that sums of them are exact and a model
that reckons in fractions agrees with floats to the last bit about which moment comes first.
"""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

TICK_S: Final = 2.0**-16
"""Some fifteen microseconds."""

END_S: Final = 2.0**30
"""Some thirty-four years: no run of a machine gets there."""

gaps_s: Final = st.one_of(
    st.sampled_from([0.0, TICK_S, 3 * TICK_S, 2.0**-7, 0.25]),
    st.sampled_from([0.5, 1.0, 3.0, 8.0, 20.0, 27.0, 30.0, 77.0, 600.0]),
    st.sampled_from([86_400.0, 2.0**22]),
)
"""Seconds between one event and the next."""
