"""How often the suite's own verdicts are wrong: measured on a pool of models whose right verdict is known.

Retraining must be conformant, and retraining that keeps a share of the forget rows must not. A judgement draws
originals, references and runs from the pool, disjoint, and decides with the suite's own checks; the pool is in the
store.
"""
