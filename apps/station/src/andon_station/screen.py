"""The screen: what runs here, how its update stands, and the operator's word on it."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from andon_station.settings import Settings
from andon_station.updates.agent import Agent
from andon_station.updates.present import ALONE, Colour, Shown
from andon_station.updates.talk import Talk, Told

_COLOURS = {
    Colour.CALM: ("#e8f5e9", "#1b5e20"),
    Colour.BUSY: ("#e3f2fd", "#0d47a1"),
    Colour.ASK: ("#fff8e1", "#7a4f00"),
    Colour.WARN: ("#ffebee", "#b71c1c"),
}


class Screen(QWidget):
    """One window. Network calls run in `Talk`'s thread; `told` brings what it says to this one."""

    told = Signal(object)

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._talk: Talk | None = None
        self.setWindowTitle(f"Andon Station {settings.version}")
        self.setMinimumSize(720, 420)
        self._title = _label(f"Station {settings.version}", 40)
        self._first, self._second = _label("", 26), _label("", 18)
        self._progress = QProgressBar()
        self._progress.setRange(0, 1000)
        self._agree = QPushButton(
            "지금 설치 · Install now" if settings.language == "ko" else "Install now · 지금 설치"
        )
        self._agree.setMinimumHeight(96)
        self._agree.setStyleSheet("font-size: 26px; font-weight: 600;")
        self._agree.clicked.connect(self._agreed)
        layout = QVBoxLayout(self)
        for each in (self._title, self._first, self._second, self._progress, self._agree):
            layout.addWidget(each)
        self.told.connect(self._on_told)
        self._show(ALONE)

    def begin(self) -> None:
        """The screen is drawn: talk to the agent, and tell it that this version works."""
        if self._settings.agent:
            self._talk = Talk(Agent(self._settings.agent, self._settings.token), self.told.emit)
            self._talk.begin()
            self._talk.healthy()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802  Qt's name
        """Let go of the agent before the window goes."""
        if self._talk is not None:
            self._talk.end()
        event.accept()

    def _agreed(self) -> None:
        if self._talk is not None:
            self._agree.setEnabled(False)
            self._talk.agree(is_safe=True, why="the operator agreed")

    def _on_told(self, told: Told) -> None:
        self._show(told.shown)
        if told.is_ending:
            self.close()

    def _show(self, shown: Shown) -> None:
        first, second = shown.lines(self._settings.language)
        self._first.setText(f"{shown.sign}  {first}")
        self._second.setText(second)
        background, ink = _COLOURS[shown.colour]
        self._first.setStyleSheet(
            f"background: {background}; color: {ink}; padding: 18px; border-radius: 8px;"
        )
        self._progress.setVisible(shown.progress is not None)
        self._progress.setValue(round((shown.progress or 0) * 1000))
        self._agree.setVisible(shown.may_agree)
        self._agree.setEnabled(shown.may_agree)


def _label(text: str, size: int) -> QLabel:
    made = QLabel(text)
    made.setWordWrap(True)
    made.setAlignment(Qt.AlignmentFlag.AlignCenter)
    font = made.font()
    font.setPixelSize(size)
    made.setFont(font)
    return made
