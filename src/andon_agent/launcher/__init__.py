"""What the system starts: it starts the agent, tries a new one, and goes back. Open `decide.py` first."""
