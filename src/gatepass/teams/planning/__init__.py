"""What would change, what it means, and what forbids it."""
