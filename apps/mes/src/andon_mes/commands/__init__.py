"""The commands of `andon-mes` by what they are about; `cli.py` puts them together."""
