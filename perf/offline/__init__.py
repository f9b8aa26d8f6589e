"""How long a shop's nightly work takes on this machine: events to features, neighbours, index, release live."""
