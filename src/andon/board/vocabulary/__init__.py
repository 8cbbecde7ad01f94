"""The words of the board, one file per group of pages; `words.py` puts them together."""
