"""What is frozen: PyInstaller wants a script."""

import sys

from andon_agent.main import main

sys.exit(main())
