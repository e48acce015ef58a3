"""The words this library speaks: requests, answers, errors, events, configuration and the catalog, all plain values.

The rule of this room: frozen records and pure functions; constructing one never raises and nothing here does I/O, reads
a clock, draws a random number or looks at the environment. To add a case to a union, add its class and its name in the
union; the type checkers then point at every ``match`` that has to answer for it.
"""
