"""What the holders of offline keys do with the registry. Open `request.py` first, then `server.py`.

server   propose (`server.py`) -> a request, on a medium
holder   sign (`holders.py`, `signing.py`), on a machine of their own, each with their own key
server   assemble (`server.py`): takes signatures until there are enough, then publishes
"""
