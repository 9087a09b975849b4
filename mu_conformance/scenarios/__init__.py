"""Define what is to be forgotten by which model."""
