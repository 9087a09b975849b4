"""Check the cost of a call against retraining."""
