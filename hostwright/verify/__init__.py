"""Checks of real hosts, in the manner of testinfra: each object asks its host when it is asked."""
