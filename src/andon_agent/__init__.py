"""The agent: installs, watches and takes back software on a station. It comes with the fleet."""
