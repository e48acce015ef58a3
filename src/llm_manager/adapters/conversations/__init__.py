"""Where conversations are kept: in this process, in a SQLite file, or in PostgreSQL (in Redis: its own room).

The rule of this room: an acknowledged turn is stored, and a turn is stored once. Every store passes
``tests/contracts/test_conversations.py``; what needs SQL is written once, in ``sql``, and a database is one file that
opens connections and names its errors. Doors are in ``services``.
"""
