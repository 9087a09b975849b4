"""Check privacy: an attacker cannot tell the forget rows from rows that were never trained on."""
