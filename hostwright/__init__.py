"""Idempotent operations for real hosts: observe, decide, act."""

__version__ = "0.1.0"
