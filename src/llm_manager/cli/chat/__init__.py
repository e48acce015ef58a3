"""``chat``: a conversation with a model, at a terminal or from a pipe.

The rule of this room: an answer goes to standard output, and everything else to standard error, so that a pipe has the
answers alone. Where a chat stands is a value (`seat`); a command is a function from one to the next (`commands`, a row
of its table each); only `editor` knows a keyboard and only `command` knows the command line.
"""
