"""Decides what changes in a MariaDB."""
