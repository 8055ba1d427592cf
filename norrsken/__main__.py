"""What `python -m norrsken` runs: the command `norrsken`."""

import sys

from norrsken.cli import main

sys.exit(main())
