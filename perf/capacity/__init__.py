"""From the measured cost of a request to machines, and the queueing model that says how full they may be."""
