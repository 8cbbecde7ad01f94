"""What agent and control plane agree on. It comes with the fleet."""
