"""The decoders of patches, by the name of their form. Each is a module beside this one.

A decoder takes the part of the old file, the payload and how many bytes must come out. It raises Malformed
where they do not go together; it may not use more memory than a few times its parts, whatever the payload
says. What comes out is checked by its hash, so a decoder need not be able to tell that it is right.
"""

from collections.abc import Callable, Mapping

from andon_wire.delta import absolute, hdiff, rebase, zdict
from andon_wire.errors import Malformed, Missing

Decoder = Callable[[bytes, bytes, int], bytes]

DECODERS: Mapping[str, Decoder] = {
    hdiff.NAME: hdiff.decode,
    rebase.NAME: rebase.decode,
    absolute.NAME: absolute.decode,
    zdict.NAME: zdict.decode,
}


def decode(form: str, base: bytes, payload: bytes, makes: int) -> bytes:
    """What a patch makes of part of an old file.

    Raises:
        Missing: this agent has no decoder of that form.
        Malformed: base and payload do not go together, or something of another length comes out.
    """
    decoder = DECODERS.get(form)
    if decoder is None:
        raise Missing(
            "form-unknown", f"no decoder of the form {form!r} is here", hint="install the full package"
        )
    made = decoder(base, payload, makes)
    if len(made) != makes:
        raise Malformed("bad-patch", f"a patch made {len(made)} bytes instead of {makes}")
    return made
