"""Gates that no person signs: the plant's calendar, the state of production, outside systems.

Open `view.py` first: what each gate says now. `controller.py` asks; nothing of it holds up a rollout's tick.
"""
