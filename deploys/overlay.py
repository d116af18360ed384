"""Mount overlays, and keep them across boots: `pyinfra inventory deploys/overlay.py`."""

from hostwright import overlay

overlay.deploy()
