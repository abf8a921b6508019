"""`python -m flowrun`."""

from flowrun.commands import main

main()
