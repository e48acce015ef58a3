"""What it costs: rows that put a figure of ours beside a peer's, measured in one run.

The rule of this room: ratios in one run count, absolute figures move from machine to machine. How to add a row is in
``README.md``.
"""
