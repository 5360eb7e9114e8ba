"""Many values as few: a sample, the mean, percentiles, how far they may be off, and whether two runs differ by chance.

Both tests compare pairs, so a sample that is hard in both runs is not held against either.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

_MOST_EXACT = 16
_FLIPS, _RESAMPLES = 10_000, 2_000
_Z = 1.959963984540054  # the normal distribution's 97.5th percentile


def drawn(items: Sequence[T], most: int) -> list[T]:
    """`most` of them at random, the same ones each time, in their order; all if there are no more.

    >>> drawn("abcdef", 3)
    ['a', 'd', 'f']
    """
    places = random.Random(0).sample(range(len(items)), min(most, len(items)))
    return [items[place] for place in sorted(places)]


def mean(values: Sequence[float | None]) -> float | None:
    """The mean of what could be scored; None if nothing could.

    >>> mean([1.0, None, 0.0])
    0.5
    """
    scored = numbers([value for value in values if value is not None])
    return sum(scored) / len(scored) if scored else None


def percentile(values: Sequence[float], q: float) -> float | None:
    """The smallest value that `q` percent of the values do not exceed (nearest rank); None without values.

    It is always one of the values: Hyndman and Fan 1996, definition 1.

    >>> percentile([4, 1, 3, 2], 75)
    3
    """
    if not values:
        return None
    return sorted(numbers(values))[max(0, math.ceil(q * len(values) / 100) - 1)]


def numbers(values: Sequence[float]) -> Sequence[float]:
    """The values themselves. Raises ValueError if one is not a number.

    >>> numbers([0.5, 1.0])
    [0.5, 1.0]
    """
    if any(map(math.isnan, values)):
        raise ValueError("NaN is no score. Leave out what could not be scored, and count it.")
    return values


def mcnemar_exact(lost: int, won: int, *, one_sided: bool = False) -> float:
    """P value of `lost` samples right before and wrong now, against `won` the other way round (McNemar 1947).

    Each of them is as likely lost as won if nothing has changed, so this is the exact binomial test; samples that are
    right in both runs, or in neither, say nothing. One-sided: that as many or more are lost. Nothing lost or won: 1.

    >>> mcnemar_exact(5, 1, one_sided=True)  # (6 + 1) / 2**6
    0.109375
    >>> mcnemar_exact(5, 1)
    0.21875
    """
    if lost < 0 or won < 0:
        raise ValueError("Counts are 0 or more.")
    flips = lost + won
    least = lost if one_sided else max(lost, won)
    tail: float = sum(math.comb(flips, count) for count in range(least, flips + 1)) / (1 << flips)
    return tail if one_sided else min(1.0, 2 * tail)


def cohens_kappa(pairs: Sequence[tuple[bool, bool]]) -> float | None:
    """Agreement of two graders beyond what their shares of yes make by chance (Cohen 1960): 1 is full, 0 is chance.

    None without pairs, or where both always say the same.

    >>> cohens_kappa([(True, True), (True, False), (False, False), (False, False)])  # (.75 - .5) / (1 - .5)
    0.5
    """
    if not pairs:
        return None
    agreed = sum(a == b for a, b in pairs) / len(pairs)
    first, second = (sum(side) / len(pairs) for side in zip(*pairs, strict=True))
    chance = first * second + (1 - first) * (1 - second)
    return None if chance == 1 else (agreed - chance) / (1 - chance)


def paired_sign_flip_test(differences: Sequence[float], *, one_sided: bool = False, seed: int = 0) -> float:
    """P value of the differences' mean, if each difference is as likely to have the other sign (Fisher 1935).

    One-sided: how often a mean at least so high comes about. Exact for up to 16 differences that are not 0; for more a
    Monte Carlo estimate that counts the given signs too, so it is never 0 (Phipson and Smyth 2010), and that is the
    same each time for the same seed.

    >>> paired_sign_flip_test([0.5, 0.25, 0.0, 0.5], one_sided=True)  # 1 of 2**3
    0.125
    >>> paired_sign_flip_test([0.5, 0.25, 0.0, 0.5])
    0.25
    """
    if not all(map(math.isfinite, differences)):
        raise ValueError("A difference is not a finite number. Leave out the pairs that could not be scored.")
    changed = [difference for difference in differences if difference]
    exact = len(changed) <= _MOST_EXACT
    observed = math.fsum(changed)
    # Sums of the same numbers in another order differ in their last digits; that must not decide what is as extreme.
    slack = 1e-9 * math.fsum(map(abs, changed))
    sums = _all_sums(changed) if exact else _random_sums(changed, _FLIPS, seed)
    least = observed if one_sided else abs(observed)
    extreme = sum((s if one_sided else abs(s)) >= least - slack for s in sums)
    return extreme / 2 ** len(changed) if exact else (1 + extreme) / (1 + _FLIPS)


def wilson_interval(successes: int, count: int) -> tuple[float, float] | None:
    """The 95 % confidence interval of a share (Wilson 1927); None of nothing.

    Unlike the normal approximation it is never empty at 0 or 1, and never leaves 0..1.

    >>> [round(bound, 3) for bound in wilson_interval(8, 10)]
    [0.49, 0.943]
    """
    if not 0 <= successes <= count:
        raise ValueError(f"{successes} of {count} is no share.")
    if not count:
        return None
    share, z = successes / count, _Z
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % confidence interval of a mean: percentiles of the means of resamples (Efron 1979); None of nothing.

    The same each time.

    >>> bootstrap_interval([0.5, 0.5, 0.5])
    (0.5, 0.5)
    """
    if not all(map(math.isfinite, values)):
        raise ValueError("A value is not a finite number. Leave out what could not be scored.")
    if not values:
        return None
    chance, count = random.Random(0), len(values)
    means = sorted(math.fsum(chance.choices(values, k=count)) / count for _ in range(_RESAMPLES))
    cut = round(0.025 * _RESAMPLES)
    return means[cut], means[-1 - cut]


def _all_sums(values: Sequence[float]) -> Iterator[float]:
    return map(sum, itertools.product(*((value, -value) for value in values)))


def _random_sums(values: Sequence[float], count: int, seed: int) -> Iterator[float]:
    chance, total = random.Random(seed), math.fsum(values)
    for _ in range(count):
        flips = f"{chance.getrandbits(len(values)):0{len(values)}b}"
        yield total - 2 * sum(itertools.compress(values, map(int, flips)))
