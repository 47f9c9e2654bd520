"""`python -m tillbridge`."""

from tillbridge.cli.main import app

if __name__ == "__main__":
    app(prog_name="tillbridge")
