"""How vendors' wires read and write: pure functions between domain values and JSON, one module a wire.

The rule of this room: no I/O, no clock, no key, and no dialect knows another. To add a wire, write its module and its
golden files.
"""
