"""The Shortlist contract as generated Python code."""
