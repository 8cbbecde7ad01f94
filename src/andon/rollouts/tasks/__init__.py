"""What must go well before a share is asked for: smoke tests and commands, each run by a process of its own.

Open `decide.py` first: what is done about a task now. A try is a row before it is a process, so that it
begins once at the most; the process answers by a file, so that Andon may die meanwhile.
"""
