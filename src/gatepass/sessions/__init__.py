"""The laptop: vault, agent, launcher, providers. Works without a gatepass server; light to import on purpose."""
