"""Checks of request messages. Each function adds what it finds to a Violations and looks at nothing else."""
