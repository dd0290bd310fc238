"""The laptop: vault, agent, launcher, providers."""
