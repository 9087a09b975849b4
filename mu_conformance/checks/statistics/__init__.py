"""Provide statistics of one model, or of one model against others, by family."""
