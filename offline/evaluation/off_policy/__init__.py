"""What another way of choosing would have earned, from a log of choices made with known probabilities."""
