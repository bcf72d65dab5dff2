"""``python -m safeses``."""

from __future__ import annotations

import sys

from safeses.cli import main

if __name__ == "__main__":
    sys.exit(main())
