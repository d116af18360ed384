"""Inventories, as pyinfra and testinfra take them."""
