"""Judging one method under one set of settings."""
