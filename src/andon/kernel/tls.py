"""TLS contexts that every client may share."""

import ssl

# For clients of plain HTTP on this machine. Without it, each new client reads all the certificates of the
# system, which takes 30 ms of a processor. It trusts nobody, so it can never let a wrong server through.
TRUSTS_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
