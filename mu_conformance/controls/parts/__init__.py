"""Hold the parts shared by several controls."""
