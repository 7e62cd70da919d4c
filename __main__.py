"""`python -m claimhound`."""

from claimhound.cli import main

main(prog_name="claimhound")
