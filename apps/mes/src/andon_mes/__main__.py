"""`python -m andon_mes`."""

from andon_mes.cli import main

main()
