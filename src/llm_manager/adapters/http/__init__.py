"""HTTP for everything that is behind it: one call and its bytes, or an answer that is read while it comes.

``driver`` decides what is sent and what is read of the answer, the same for every engine; an engine moves the bytes and
says in our words what went wrong. To add an engine, fulfil :class:`~llm_manager.adapters.http.engine.Engine` and pass
``tests/contracts/test_engines.py``.
"""
