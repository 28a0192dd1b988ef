"""``python -m vitruvian``: the command."""

from vitruvian.cli.main import app

app(prog_name="vitruvian")
