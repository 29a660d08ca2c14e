"""`rotor doctor`: a fresh machine, a healthy one, and single faults."""
