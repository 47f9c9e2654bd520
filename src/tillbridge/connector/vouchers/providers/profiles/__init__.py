"""Profiles that are shipped: one TOML file for each way of asking that is known."""
