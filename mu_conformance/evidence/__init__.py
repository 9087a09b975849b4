"""Gather everything that a check may look at."""
