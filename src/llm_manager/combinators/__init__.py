"""What goes around an operation: each combinator takes one and gives one of the same type.

The rule of this room: one combinator a file, none knows another, and none keeps state between runs; state lives in the
services of the context. To add one, write its file, its law in ``property_tests/``, and its name in the front door.
"""
