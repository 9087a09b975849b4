"""Check forgetting: forget rows are treated as rows that were never trained on, no better and no worse."""
