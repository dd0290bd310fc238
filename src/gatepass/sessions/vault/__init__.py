"""Long-term and refreshable secrets, encrypted at rest under one key (specification 2.4)."""
