"""What telemetry costs, and the picture of a real trace."""
