"""What agent, witness and control plane agree on: signed notes, Merkle proofs. Open `note.py` first."""
