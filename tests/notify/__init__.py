"""Alerts: what is sent, each once, and its delivery."""
