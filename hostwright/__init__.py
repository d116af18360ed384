"""Idempotent operations for real hosts: observe, decide, act."""
