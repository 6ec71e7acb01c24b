"""``python -m twinspire`` is the command `twinspire`."""

from __future__ import annotations

import sys

from twinspire._command import main

if __name__ == "__main__":
    sys.exit(main())
