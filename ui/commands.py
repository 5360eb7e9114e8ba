"""The `pincite` command: every door of the library and the assistant, for a shell.

Answers go to standard output, everything else to standard error. What a command does not need is not imported.
"""

from __future__ import annotations

import click

from ui import ask_commands, door_commands, library_commands
from ui.eval_commands import evaluate
from ui.settings import SETTINGS
from ui.shell import library_option

_EXAMPLES = """\b
Examples:
  pincite ask "How many containers has North Korea supplied to Russia?"
  pincite add ~/articles              read every document there, again only what changed
  pincite --library ./mine add a.md   keep a library of its own in ./mine
  echo "Who is it about?" | pincite ask -

\b
Exit codes: 0 answered or done, 1 error, 2 wrong usage, 3 not in the library,
4 answers got worse (eval --baseline), 5 not everything is supported (check, verify).

\b
Settings, from the environment, or from a file .env in this folder:
""" + "\n".join(f"  {name:<20} {meaning}" for name, meaning in SETTINGS.items())


@click.group(epilog=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@library_option
@click.version_option(package_name="pincite", prog_name="pincite")
def pincite() -> None:
    """Ask a library of articles. Every sentence of an answer is pinned to the exact characters that support it.

    The default library holds the article that ships; add your own. No key and no network are needed.
    """


@pincite.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what lets SHELL complete commands, options, documents and tags: eval "$(pincite completion bash)"."""
    from click.shell_completion import get_completion_class

    completing = get_completion_class(shell)
    assert completing
    click.echo(completing(pincite, {}, "pincite", "_PINCITE_COMPLETE").source())


for command in (
    ask_commands.ask,
    ask_commands.search,
    ask_commands.check,
    ask_commands.verify,
    library_commands.add,
    library_commands.refresh,
    library_commands.list_documents,
    library_commands.tag,
    library_commands.remove,
    library_commands.doctor,
    library_commands.export_library,
    library_commands.import_file,
    door_commands.chat,
    door_commands.serve,
    door_commands.mcp,
    evaluate,
):
    pincite.add_command(command)
