"""The command as a module: ``python -m frontburner.cli``."""

from frontburner.cli import main

main()
