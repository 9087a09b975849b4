"""Each call of a method in a process of its own (DESIGN idea 6).

``client`` is the suite's side. It talks to one ``fork server`` process, which has torch and transformers imported and forks
a ``child`` for every call. What comes back is weights and a report; nothing that the method does to its process lasts.
"""
