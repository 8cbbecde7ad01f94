"""The agent: installs, watches and takes back software on a station. Open `engine/decide.py` first."""
