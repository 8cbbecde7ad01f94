"""How source becomes something that can be installed. One file per kind."""
