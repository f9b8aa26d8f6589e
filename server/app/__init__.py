"""The composition root: a worker put together from the settings."""
