"""Run ``python -m mu_conformance.cli``, where the script is not on the path."""

import sys

from mu_conformance.cli import main

sys.exit(main())
