"""Decides how volumes change, and refuses; nothing here looks at a host or changes one."""
