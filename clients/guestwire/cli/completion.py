"""`guestwire completion SHELL`."""

import click

from guestwire.cli.settings import Verb


@click.command("completion", cls=Verb)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash: eval "$(guestwire completion bash)"             in ~/.bashrc
    zsh:  eval "$(guestwire completion zsh)"              in ~/.zshrc
    fish: guestwire completion fish | source              in ~/.config/fish/config.fish
    """
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(ctx.find_root().command, {}, "guestwire", "_GUESTWIRE_COMPLETE").source())
