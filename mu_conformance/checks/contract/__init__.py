"""Contract checks: what any method must keep, whatever it promises about forgetting."""
