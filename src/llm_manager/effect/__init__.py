"""The kernel: lazy, typed, re-runnable descriptions of work, after Effect-TS, on dry-python ``returns``.

An ``Effect[A, E, R]`` is a ``RequiresContextFutureResult``: nothing happens until a context of type ``R`` arrives, and
then it comes back as ``Success[A]`` or ``Failure[E]``. The rule of this room: one async function for each
combinator, wrapped once by :func:`~llm_manager.effect.op.effect`. Chains of ``bind`` are slower, bury
tracebacks and die of recursion; a loop in one function does none of that.
"""
