"""Units of measurement: a station reports in its own, limits are kept in one."""

_FACTORS: dict[str, tuple[str, float]] = {
    "N": ("force", 1.0),
    "kgf": ("force", 9.80665),
    "N·m": ("torque", 1.0),
    "kgf·cm": ("torque", 0.0980665),
    "lbf·in": ("torque", 0.1129848290),
    "mm": ("length", 0.001),
    "cm": ("length", 0.01),
    "°C": ("temperature", 1.0),
    "%": ("ratio", 0.01),
}


def convert(value: float, unit: str, wanted: str) -> float:
    """`value` given in `unit`, in `wanted`.

    Raises: KeyError when a unit is not known; ValueError when the two measure different things.
    """
    if unit == wanted:
        return value
    quantity, factor = _FACTORS[unit]
    other, divisor = _FACTORS[wanted]
    if quantity != other:
        raise ValueError(f"{unit} is a {quantity}, {wanted} is a {other}")
    return value * factor / divisor


def known(like: str) -> list[str]:
    """The units that measure the same as `like`."""
    quantity = _FACTORS[like][0]
    return [unit for unit, (other, _) in _FACTORS.items() if other == quantity]
