"""Check robustness: forgotten rows stay forgotten in further use of the model."""
