"""The command line: arguments to an operation, its outcome to text and an exit code.

The rule of this room: it knows the library by its front door only. To add a command, write a function from its
arguments to an exit code and a line in :func:`.main.parser`. Output goes to standard output, everything else to
standard error; ``--json`` prints one JSON document, errors too.
"""
