"""What each station should run: the documents, and what people say beside a rollout. Open `render.py`."""
