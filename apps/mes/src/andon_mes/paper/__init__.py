"""What is printed: Data Matrix symbols and the fonts that carry Korean. Open `datamatrix.py` first."""
