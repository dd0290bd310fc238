"""Cloud Posse's form of a declaration: Atmos files, their merging, attributes and labels."""
