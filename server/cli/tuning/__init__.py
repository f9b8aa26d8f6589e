"""`shortlist tune`: the knobs of retrieval and re-ranking, tried on a later part of the user's own events."""
