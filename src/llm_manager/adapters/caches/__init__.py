"""Caches: each passes ``tests/contracts/``."""
