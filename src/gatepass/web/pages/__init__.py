"""The pages: each turns a visit into calls of the desk, and what comes back into a template."""
