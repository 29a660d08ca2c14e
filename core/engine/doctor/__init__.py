"""Checks, one by one, what a trading day needs of this machine and of the services around it."""
