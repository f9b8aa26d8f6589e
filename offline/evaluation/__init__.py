"""Offline quality: rank every item for each test user, and measure the top of the lists."""
