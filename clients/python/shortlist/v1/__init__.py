"""Version 1 of the contract. Generated from proto/shortlist/v1; run `make clients` after changing it."""
