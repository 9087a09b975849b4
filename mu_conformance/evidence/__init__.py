"""All that a check may look at."""
