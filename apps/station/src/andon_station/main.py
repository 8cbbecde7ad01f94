"""Starts the screen: `andon-station`. Healthy is said only after it drew itself and read its settings."""

import os
import sys

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from andon_station import settings
from andon_station.screen import Screen


def main() -> int:
    """Run until the window is closed or the agent asks for the end; gives the exit code."""
    app = QApplication(sys.argv)
    app.setApplicationName("Andon Station")
    screen = Screen(settings.read(os.environ))  # noqa: TID251  this is the composition root
    screen.show()
    QTimer.singleShot(0, screen.begin)  # once the event loop runs, so that what was drawn is what is shown
    return app.exec()


if __name__ == "__main__":
    sys.exit(main())
