"""What is to be forgotten by which model."""
