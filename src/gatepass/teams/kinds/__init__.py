"""The kinds of things in AWS: how each is read, compared, made, changed and removed."""
