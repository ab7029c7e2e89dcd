"""``python -m cr_tui``: the same as ``crtui``."""

import sys

from cr_tui.cli import main

sys.exit(main())
