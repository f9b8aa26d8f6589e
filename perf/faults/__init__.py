"""Timed fault tests: each `*_faults.py` has a `run(report)`."""
