"""Pure decisions: ``(state, event, now) -> (state, verdict)``.

The rule of this room: no clock, no chance, no I/O; time is an argument in seconds, chance a number in [0, 1). Who keeps
the state and reads the clock is an adapter. To add a policy, write its states as frozen records, its transitions as
functions, and its laws against a plain model in ``property_tests/``.
"""
