"""What stands in AWS already, brought under a declaration."""
