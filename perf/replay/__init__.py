"""A compiled generator of requests: recorded bodies, a fixed schedule, latencies from the planned send."""
