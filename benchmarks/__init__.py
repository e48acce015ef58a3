"""What it costs: rows that put a figure of ours beside a peer's, measured in one run.

The rule of this room: ratios in one run count, absolute figures move from machine to machine. To add a row, give a
module a function that returns :class:`~benchmarks.row.Row` values and name it in :mod:`benchmarks.run`.
"""
