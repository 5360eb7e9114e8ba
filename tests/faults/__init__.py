"""What a killed process leaves behind: `make faults`, or `python -m tests.faults`.

A child process changes a library in a seeded series of operations and notes in a journal what was acknowledged. It is
killed (SIGKILL) at seeded times, or at every step boundary of one fixed series; then another process opens the library
and holds it against the journal. The same series runs on plain embedded Chroma beside it. SIGKILL is no loss of power:
what a process has written the system still has.

In reading order: place, journal, stores, series, boundaries, check, child, kills, report.
"""

import signal

RUNS_HERE = hasattr(signal, "SIGKILL")
WHY_NOT = "Windows has no SIGKILL"
