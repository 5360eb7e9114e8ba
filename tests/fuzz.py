"""`make fuzz`: Schemathesis sends what its OpenAPI document allows, and what it does not, to a server with a token.

Passes if no answer is a 500 or one that the document does not have, and none of Schemathesis' other checks fails.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from tests.service import service

_TOKEN = "token-of-the-fuzzer"
_LEAST = 2000


@click.command(help=__doc__)
@click.option("--examples", default=110, show_default=True, help="Of each operation, in each phase.")
@click.option("--seed", default=1, show_default=True)
def main(examples: int, seed: int) -> None:
    environ = {"PINCITE_TOKENS": f"fuzzer:{_TOKEN}", "PINCITE_RATE": "1000000/minute"}
    with tempfile.TemporaryDirectory() as folder, service(Path(folder, "home"), environ) as address:
        done = subprocess.run(
            [Path(sys.executable).parent / "schemathesis", "run", f"{address}/openapi.json", "--no-color",
             "--max-examples", str(examples), "--seed", str(seed), "-H", f"Authorization: Bearer {_TOKEN}"],
            cwd=folder, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
    click.echo(done.stdout)
    sent = re.search(r"([\d,]+) generated", done.stdout)
    if done.returncode or not sent or int(sent[1].replace(",", "")) < _LEAST:
        raise SystemExit(done.returncode or f"fewer than {_LEAST:,} cases; raise --examples")


if __name__ == "__main__":
    main()
