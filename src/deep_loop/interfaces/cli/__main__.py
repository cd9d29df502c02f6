"""`python -m deep_loop.interfaces.cli` is the command `deep-loop`."""

import sys

from deep_loop.interfaces.cli import main

sys.exit(main())
