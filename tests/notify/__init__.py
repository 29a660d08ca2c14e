"""News: what is told, once each, and that it arrives."""
