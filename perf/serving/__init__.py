"""Requests per second on one core, beside an echo of the same reply, and latency under an open loop."""
