"""What implementers import to shape flows in Python."""
