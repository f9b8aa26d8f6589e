"""What asking a model server costs the worker that asks."""
