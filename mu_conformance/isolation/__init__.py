"""Run each call of a method in a process of its own.

``client`` is the suite's side. The client talks to one fork server, which has torch and transformers imported and forks
a ``child`` for every call. Weights and a report come back. Nothing that the method does to its process lasts.
"""
