"""One page of plots from the files that the measurements write."""
