"""Give interfaces their addresses, and keep them across boots: `pyinfra inventory deploys/addresses.py`."""

from hostwright import interface

interface.deploy()
