"""The documents: what is made from the code, and that what they say to type works."""
