"""The demo: Andon ships the MES, promotes a good release and takes two bad ones back. Open `run.py` first."""
