"""The outside wing: plain ``async def`` functions that fulfil the ports and return values, never operations.

The rule of this room: an adapter sends, stores or waits once, as it was told; it never retries, chooses or remembers a
pipeline. Adapters are strangers to their siblings. To add a store or provider, fulfil its port and pass its contract
tests.
"""
