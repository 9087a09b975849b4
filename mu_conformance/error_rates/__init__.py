"""Measure how often the suite's own verdicts are wrong, on a pool of models whose right verdict is known.

Retraining must be conformant. Retraining that keeps a share of the forget rows must not. A judgement draws disjoint
originals, references and runs from the pool, and decides with the suite's own checks. The pool is in the store.
"""
