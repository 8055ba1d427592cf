"""`python -m norrsken`."""

import sys

from norrsken.cli import main

sys.exit(main())
