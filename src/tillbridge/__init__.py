"""tillbridge: one open bridge between any till and any card terminal."""

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("tillbridge")
