"""What a read of a user's record costs, by form of the store."""
