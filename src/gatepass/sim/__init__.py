"""The simulated AWS: one strict table of operations, in process and over HTTP."""
