"""Decides what becomes of a compose project."""
