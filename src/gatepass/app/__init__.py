"""The composition root: settings read once, parts built, Protocols filled."""
