"""The program that tools run for credentials: how it is made, and what it is made of."""
