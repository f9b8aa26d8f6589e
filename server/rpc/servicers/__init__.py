"""One servicer a service. Each method checks, converts, calls its use case and converts back."""
