"""Numbers in, outcome out: intervals, margins, findings. Pure functions."""
