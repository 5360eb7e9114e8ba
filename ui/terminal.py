"""Where the `pincite` command begins and ends: an expected failure is one line, and so is Ctrl-C, at any moment.

Nothing is imported before Ctrl-C is heard: native modules, interrupted while they load, raise errors of their own.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

_FAILED, _STOPPED = 1, 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and end the process."""
    interrupted = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # in the background of a shell it is ignored
        signal.signal(signal.SIGINT, interrupt)
    code: int | str | None
    try:
        code = run(arguments)
    except SystemExit as ended:
        code = ended.code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = _FAILED
    except BaseException as error:
        if not (interrupted or isinstance(error, KeyboardInterrupt)):
            raise
        sys.stderr.write("Stopped.\n")
        code = _STOPPED
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


def run(arguments: Sequence[str] | None) -> int:
    import click

    from index.errors import PinciteError
    from ui.commands import pincite
    from ui.settings import misspelt, read_settings

    read_settings()
    for line in misspelt():
        click.echo(line, err=True)
    try:
        pincite.main(arguments, standalone_mode=False, color=False if os.environ.get("NO_COLOR") else None)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except PinciteError as error:
        click.echo(f"Error: {error}", err=True)
        return _FAILED
    except click.Abort:
        raise KeyboardInterrupt from None
    return 0
