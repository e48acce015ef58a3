"""Recordings of runs: written while a program runs, and played back to it without a network, a key or a wait.

The rule of this room: :mod:`lines` says what is in the file and :mod:`file` how it gets there and back;
:mod:`record` writes and :mod:`replay` reads, and neither knows the other. What is promised when things happen at the
same time is in ``docs/decisions/0021-record-and-replay.md``.
"""
