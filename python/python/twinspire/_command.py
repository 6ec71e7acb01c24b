"""The command `twinspire`, as the wheel installs it."""

from __future__ import annotations

import signal
import sys

from twinspire._twinspire import run_command


def main() -> int:
    """Run the command line of this process. Returns the exit code."""
    # Python only notes the signal, and would look at it once the command is done. A database survives the end of the
    # process at any moment.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return run_command(["twinspire", *sys.argv[1:]])
