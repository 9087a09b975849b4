"""Check the contract: duties of every method, whatever it promises about forgetting."""
