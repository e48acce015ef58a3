"""What a user asks for: each operation is a function from its arguments to an ``Op``; nothing happens before it runs.

The rule of this room: operations put combinators and policies together; they do no I/O but through the context. To add
one, write its file and its name in the front door.
"""
