"""What is frozen: PyInstaller wants a script."""

import sys

from andon_station.main import main

sys.exit(main())
