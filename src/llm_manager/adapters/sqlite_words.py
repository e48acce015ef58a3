"""What SQLite and the system say when a file cannot be used, in words for people, with what to do."""

from __future__ import annotations

import sqlite3


def said(bad: sqlite3.Error | OSError) -> str:
    """What went wrong and what to do, in words for people."""
    match bad:
        case OSError():
            return bad.strerror or str(bad)
        case sqlite3.Error(sqlite_errorname=str(name)):
            return f"{_ADVICE.get(name.split('_')[1], bad)} ({name})"
        case _:
            return str(bad)


_ADVICE = {
    "BUSY": "another program is using it: wait for that one, or choose another file",
    "LOCKED": "another program is using it: wait for that one, or choose another file",
    "CANTOPEN": "cannot be opened: its folder must exist and be writable",
    "CORRUPT": "is damaged: restore it from a copy, or choose another file",
    "FULL": "there is no room left: free some space and run again",
    "IOERR": "cannot be read or written",
    "NOTADB": "is no database: choose another file",
    "READONLY": "cannot be written: check the permissions of the file and its folder",
}
"""By SQLite's primary result code (sqlite.org, "Result and Error Codes")."""
