"""State that several processes share: cache, limits, breakers, money, retries and keys, in one Redis.

The rule of this room: Redis is a guest. It may be away, slow, emptied or full of foreign bytes; every call then answers
in a short time, and what it would have said is decided here as well as one process can. Doors are in ``services``; a
service is one file, and what must happen in one step is a Lua script beside it. Each passes ``tests/contracts/``.
"""
