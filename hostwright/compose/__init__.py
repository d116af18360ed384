"""Compose projects: uploaded, checked by compose itself, brought up, and waited for until they are healthy."""

from hostwright.compose.operations import project

__all__ = ["project"]
