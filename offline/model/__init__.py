"""The two-tower model: definition, training, export. The only package that imports PyTorch."""
