"""Faults, with figures: what the server promises while a dependency or the machine fails it."""
