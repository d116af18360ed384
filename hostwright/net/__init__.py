"""Addresses, routes and who listens: read once, for every procedure that asks."""
