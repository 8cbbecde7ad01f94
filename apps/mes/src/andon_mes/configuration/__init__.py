"""What a plant configures, as rows with a shape: read, checked, changed one by one or by a whole file.

Open `model.py` first, then `shapes.py`; `rules.py` says what must hold between rows, `plan.py` what a file
would change, `controller.py` makes it so. `toml_file.py` and `workbook.py` are the two forms of the file.
"""
