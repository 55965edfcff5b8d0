"""`python -m authority_queries.cli` is `authority`."""

import sys

from authority_queries.cli import main

sys.exit(main())
