"""W(items): a shop of any size, made from a seed, to measure serving on; `python -m perf.world`."""
