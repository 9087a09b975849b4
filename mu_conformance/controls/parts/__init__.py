"""What several controls are made of."""
