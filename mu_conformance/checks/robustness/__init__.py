"""Robustness checks: what was forgotten stays forgotten when the model is used on."""
