"""Numbers as a reader wants them: `42,113`, `3.20 M`, `59.4 %`, `2 min 5 s`."""

from decimal import Decimal

NO_VALUE = "–"
_TOKEN_UNITS = ("", "k", "M", "B", "T")  # B: billion, as the paper counts tokens
_BYTE_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def exact(n: int) -> str:
    """
    >>> exact(1234567)
    '1,234,567'
    """
    return f"{n:,}"


def short(n: int) -> str:
    """Three significant digits; exact below 1,000.

    >>> [short(n) for n in (999, 9_780, 41_000, 3_204_000, 999_999, 410_000_000_000)]
    ['999', '9.78 k', '41.0 k', '3.20 M', '1.00 M', '410 B']
    """
    return _scaled(n, _TOKEN_UNITS)


def signed(n: int) -> str:
    """
    >>> signed(4_452), signed(-247), signed(0)
    ('+4.45 k', '−247', '0')
    """
    return ("+" if n > 0 else "−" if n < 0 else "") + short(abs(n))


def byte_size(n: int) -> str:
    """Decimal multiples, as disks and object stores count.

    >>> [byte_size(n) for n in (12, 8_000_000)]
    ['12 B', '8.00 MB']
    """
    return _scaled(n, _BYTE_UNITS)


def _scaled(n: int, units: tuple[str, ...]) -> str:
    value, unit = float(n), 0
    while abs(float(f"{value:.3g}")) >= 1000 and unit < len(units) - 1:
        value, unit = value / 1000, unit + 1
    if unit == 0:
        return f"{n} {units[0]}".rstrip()
    rounded = abs(float(f"{value:.3g}"))
    decimals = 2 if rounded < 10 else 1 if rounded < 100 else 0
    return f"{value:.{decimals}f} {units[unit]}"


def percent(fraction: float | None) -> str:
    """One decimal; two significant digits below 1 %, so that little is not nothing.

    >>> [percent(p) for p in (0.5943, 1.0, 0.0043, 0.00001, 0.0, None)]
    ['59.4 %', '100.0 %', '0.43 %', '0.001 %', '0 %', '–']
    """
    if fraction is None:
        return NO_VALUE
    if fraction == 0:
        return "0 %"
    if abs(fraction) >= 0.01:
        return f"{100 * fraction:.1f} %"
    return f"{Decimal(f'{100 * fraction:.2g}').normalize():f} %"


def share(part: int, whole: int) -> float | None:
    """
    >>> share(1, 4), share(0, 0)
    (0.25, None)
    """
    return part / whole if whole else None


def given_weight(weight: float, as_percent: bool) -> str:
    """A weight as the user wrote it, never rounded: 0.6 is `60 %`; a ratio such as 3 (to 1) stays `3`.

    >>> given_weight(0.6, True), given_weight(0.225, True), given_weight(3.0, False)
    ('60 %', '22.5 %', '3')
    """
    given = Decimal(str(weight))
    return f"{(100 * given).normalize():f} %" if as_percent else f"{given.normalize():f}"


def epochs(times: float | None) -> str:
    """As the paper prints them: two decimals below 1, one from there on.

    >>> epochs(0.4342), epochs(3.4), epochs(None)
    ('0.43', '3.4', '–')
    """
    if times is None:
        return NO_VALUE
    return f"{times:.2f}" if times < 0.995 else f"{times:.1f}"


def duration(seconds: float) -> str:
    """
    >>> [duration(s) for s in (0.234, 12.34, 125, 7384)]
    ['0.234 s', '12.3 s', '2 min 5 s', '2 h 3 min']
    """
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
