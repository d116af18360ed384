"""Crash campaigns: a deploy is recorded once, write by write, and the power is cut at every point of it."""
