"""The cord: what is pulled, and by whom."""
