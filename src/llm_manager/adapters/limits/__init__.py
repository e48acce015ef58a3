"""Who keeps the state of the policies: breakers, buckets, budgets and keys, inside this process.

The rule of this room: decisions are made by ``policies``; here they get an identity, a place to live and a queue.
"""
