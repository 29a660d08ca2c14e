"""The examination: a bare machine, a healthy one, and faults one at a time."""
