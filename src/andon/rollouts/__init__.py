"""Moving a release into an environment under watch. Open `decide.py` first."""
