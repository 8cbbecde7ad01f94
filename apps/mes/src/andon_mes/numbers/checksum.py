"""ISO/IEC 7064 MOD 1271-36: two check characters over digits and capital letters.

The pure system of the standard (clause 8, recursive method): modulus 1271, radix 36, two check
characters. Hyphens carry no information, as a number's pattern fixes their places, and are left out.
"""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_MODULUS = 1271
_RADIX = 36
_LOOK_ALIKES = (("0", "O"), ("1", "I"), ("5", "S"), ("8", "B"), ("2", "Z"), ("6", "G"))


def checksum(number: str) -> str:
    """The two check characters of `number`, whose characters are 0-9, A-Z and hyphens.

    Raises: KeyError when it holds another character; parse the number first.
    """
    product = 0
    for character in number:
        if character != "-":
            product = (product + _VALUES[character]) * _RADIX % _MODULUS
    product = product * _RADIX % _MODULUS
    high, low = divmod((1 - product) % _MODULUS, _RADIX)
    return _ALPHABET[high] + _ALPHABET[low]


def is_intact(number: str, check: str) -> bool:
    """Whether `check` belongs to `number`. Never raises: a foreign character is a mistyped one."""
    try:
        return checksum(number) == check
    except KeyError:
        return False


def likely_cause(number: str, check: str) -> str | None:
    """The near number that `check` belongs to: two neighbours swapped, or a look-alike; None if none."""
    for candidate in _neighbours(number):
        if is_intact(candidate, check):
            return candidate
    return None


def _neighbours(number: str) -> list[str]:
    swapped = [
        number[:at] + number[at + 1] + number[at] + number[at + 2 :]
        for at in range(len(number) - 1)
        if number[at] != number[at + 1] and "-" not in number[at : at + 2]
    ]
    pairs = dict(_LOOK_ALIKES) | {right: left for left, right in _LOOK_ALIKES}
    alike = [
        number[:at] + pairs[character] + number[at + 1 :]
        for at, character in enumerate(number)
        if character in pairs
    ]
    return swapped + alike
