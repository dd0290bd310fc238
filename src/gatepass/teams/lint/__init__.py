"""What compiles but a person should know."""
