"""Renders of a scorecard, each a pure function of it."""
