"""Each kernel beside its NumPy twin, at the sizes of a real request."""
