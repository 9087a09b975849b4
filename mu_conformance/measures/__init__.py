"""Hold pure functions on arrays: numpy in, numpy out.

Each docstring gives shapes, units, ranges, errors and the source.
"""
