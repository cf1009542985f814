"""What of the paper reproduces: every claim, what this book finds, and a verdict.

The claims, their tolerances and the reasons are in ``data/paper/claims.csv``; `lib.studies.claims` knows where the
values are. A verdict is computed from the two, unless the claims file has one that was judged by eye.
"""

import csv
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from decimal import Decimal

import matplotlib.pyplot as plt

from lib import figures, paths
from lib.studies import records
from lib.studies.claims import READERS
from lib.studies.profiles import PROFILES

CLAIMS = paths.PAPER / "claims.csv"
KINDS = ("figure", "table", "number", "setting", "statement")
SAME, CLOSE, DIFFERENT, IMPOSSIBLE, NOT_RUN = "same", "close", "different", "not possible here", "not run"
VERDICTS = {SAME: ("=", "#56b4e9"), CLOSE: ("≈", "#b3e2cd"), DIFFERENT: ("≠", "#e69f00"),
            IMPOSSIBLE: ("×", "#bbbbbb"), NOT_RUN: ("·", "#ffffff")}  # fmt: skip
"""Verdicts from good to none, each with its sign and color in `overview`."""

ACROSS = 20
"""Squares in a row of `overview`."""


@dataclass(frozen=True)
class Verdict:
    """What a profile has to say to a claim.

    Attributes
    ----------
    word : str
        Of `VERDICTS`.
    found : str
        The value, as a table shows it; "by eye" where someone has looked.
    stale : bool
        Whether a record that it rests on is.
    """

    word: str
    found: str = ""
    stale: bool = field(default=False, compare=False)

    def __str__(self):
        return f"**{self.word}**" + (f" ({self.found})" if self.found else "") + ", stale" * self.stale


def claims():
    """Read the claims of the paper.

    Returns
    -------
    list of dict
        A row each: ``id``; its place, ``section`` and ``item``; its ``kind``, of `KINDS`; the ``claim``, with ``value``
        and ``unit`` where it is a number or several, as printed; the ``tolerance`` of `CLOSE`; what was ``judged``
        instead of computed, and in which profile it was ``seen``; the ``chapter`` and ``figure`` of this book; and the
        ``reason`` for the verdict.
    """
    with open(CLAIMS, newline="", encoding="utf-8") as table:
        return list(csv.DictReader(table))


def judge(claim, profile):
    """The verdict on a claim by what a profile has recorded.

    Parameters
    ----------
    claim : dict
        Of `claims`.
    profile : {"quick", "local", "full"}

    Returns
    -------
    Verdict
    """
    if claim["judged"]:
        if not claim["seen"]:
            return Verdict(claim["judged"])
        return Verdict(claim["judged"], "by eye") if claim["seen"] == profile else Verdict(NOT_RUN)
    try:
        with records.noted() as used:
            found = READERS[claim["id"]](profile)
    except (FileNotFoundError, LookupError):  # no record, or of a profile that has not measured this
        return Verdict(NOT_RUN)
    if claim["kind"] == "statement":
        verdict = compare_cases(found, claim["tolerance"])
    else:
        verdict = compare_numbers(found, claim["value"], claim["tolerance"])
    return replace(verdict, stale=any(map(records.is_stale, used)))


def compare_cases(cases, tolerance):
    """Compare a statement with the cases in which it holds.

    Parameters
    ----------
    cases : list of bool
    tolerance : str
        Such as "20 %": the share that may be missing from a statement that is close.

    Returns
    -------
    Verdict

    Examples
    --------
    >>> str(compare_cases([True, True, True, False], "25 %"))
    '**close** (3 of 4)'
    """
    if not cases:
        return Verdict(NOT_RUN)
    missing = Decimal(len(cases) - sum(cases)) / len(cases)
    word = SAME if not missing else CLOSE if missing <= _percent(tolerance) else DIFFERENT
    return Verdict(word, f"{sum(cases)} of {len(cases)}")


def compare_numbers(found, printed, tolerance=""):
    """Compare numbers with those that the paper prints; the worst of them decides.

    Parameters
    ----------
    found : float or list of float
    printed : str
        As printed, separated by semicolons.
    tolerance : str
        How far a number may be off to be close: "10 %" of the printed one, or "0.02". It is the same if it is off by
        less than one unit of the last printed digit. Without a tolerance, as for a setting, only what is equal is
        the same, and all else different.

    Returns
    -------
    Verdict

    Examples
    --------
    >>> str(compare_numbers([0.71176, 0.8564], "0.7118; 0.8636", "0.01"))
    '**close** (0.7118, 0.8564)'
    """
    found = found if isinstance(found, list) else [found]
    printed = [Decimal(number.strip()) for number in printed.split(";")]
    words = [_compare(float(f), p, tolerance) for f, p in zip(found, printed, strict=True)]
    word = max(words, key=list(VERDICTS).index)
    return Verdict(word, ", ".join(_format(float(f), p) for f, p in zip(found, printed, strict=True)))


def _compare(found, printed, tolerance):
    off, rounding = abs(found - float(printed)), 1e-9 * abs(float(printed))
    last_digit = float(Decimal(1).scaleb(printed.as_tuple().exponent))
    if off <= rounding or (tolerance and off < last_digit):
        return SAME
    allowed = abs(printed) * _percent(tolerance) if "%" in tolerance else Decimal(tolerance or 0)
    return CLOSE if off <= float(allowed) + rounding else DIFFERENT  # NaN is different


def _percent(text):
    return Decimal(text.removesuffix("%").strip()) / 100


def _format(found, printed):
    """A number with as many digits as the printed one, more where it is small."""
    if abs(found) >= 1000:
        return f"{found:,.0f}"
    decimals = max(0, -printed.as_tuple().exponent)
    return f"{found:.{decimals}f}" if 2 < decimals < 6 and abs(found) >= 10.0**-decimals else f"{found:.4g}"


def board():
    """Every claim with its verdicts.

    Returns
    -------
    list of dict
        The rows of `claims`, each with ``verdicts``, a `Verdict` by profile.
    """
    return [claim | {"verdicts": {profile: judge(claim, profile) for profile in PROFILES}} for claim in claims()]


def headline(row):
    """The verdict of the largest profile that has one."""
    told = [verdict for verdict in row["verdicts"].values() if verdict.word != NOT_RUN]
    return told[-1] if told else Verdict(NOT_RUN)


def counts(rows):
    """How many claims of each kind have which verdict.

    Returns
    -------
    dict of Counter
        By (profile, kind); the profile "any" counts the `headline`.
    """
    found = {}
    for row in rows:
        for profile, verdict in [*row["verdicts"].items(), ("any", headline(row))]:
            found.setdefault((profile, row["kind"]), Counter())[verdict.word] += 1
    return found


def summary(rows):
    """`counts` as a table.

    Returns
    -------
    figures.Table
    """
    found = counts(rows)
    order = sorted(found, key=lambda key: (["any", *PROFILES].index(key[0]), KINDS.index(key[1])))
    columns = {"Profile": "", "Kind": ""} | dict.fromkeys(VERDICTS, "d")
    return figures.table(columns, [(*key, *(found[key][word] or None for word in VERDICTS)) for key in order])


def sections(rows):
    """The rows by section of the paper, in their order."""
    found = {}
    for row in rows:
        found.setdefault(row["section"], []).append(row)
    return found


def table(rows):
    """A table of claims and verdicts, with links to the chapters and figures.

    Parameters
    ----------
    rows : list of dict
        Of `board`.

    Returns
    -------
    figures.Table
    """
    lines = []
    for row in rows:
        value = row["value"].replace("; ", ", ") + (f" {row['unit']}" if row["unit"] else "")
        says = _Marked(f"{row['claim']} **{value}**" if row["value"] else row["claim"])
        where = _Marked(f"{{doc}}`{row['chapter']}`" + (f", {{numref}}`{row['figure']}`" if row["figure"] else ""))
        here = _Marked(_here(row["verdicts"]))
        lines.append((row["item"], says, here, _allowance(row), _Marked(row["reason"]), where))
    headings = "In the paper", "It says", "Here", "Close if", "Why", "Where"
    return _Claims(dict.fromkeys(headings, ""), lines, "", {})


class _Marked(str):
    """Text without its bold words and links, which are in `markdown`."""

    def __new__(cls, markdown):
        text = super().__new__(cls, re.sub(r"\*\*|\{\w+\}(?=`)|`", "", markdown))
        text.markdown = markdown
        return text


class _Claims(figures.Table):
    """A table whose data is free of markup."""

    def _column(self, heading, values):
        return (getattr(value, "markdown", value) for value in values)


def _allowance(row):
    """What is close, for a table."""
    if row["tolerance"] in ("", "0 %"):
        return "-"
    if row["kind"] == "statement":
        return f"{100 * (1 - _percent(row['tolerance'])):.0f} % hold"
    return f"within {row['tolerance']}"


def _here(verdicts):
    """The verdicts of all profiles in one cell: those that agree together, those without a run left out."""
    told = {profile: str(verdict) for profile, verdict in verdicts.items() if verdict.word != NOT_RUN}
    if not told:
        return NOT_RUN
    together = {}
    for profile, text in told.items():
        together.setdefault(text, []).append(profile)
    if len(told) == len(verdicts) and len(together) == 1:
        return next(iter(together))
    return "; ".join(f"{', '.join(names)}: {text}" for text, names in together.items())


def overview(rows):
    """Draw one square for each claim, with the sign and the color of its `headline`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axis = plt.subplots(figsize=(8, 5.6), layout="constrained")
    y, ticks = 0, {}
    for section, part in sections(rows).items():
        ticks[f"section {section}"] = y + 0.5
        for k, row in enumerate(part):
            x, down = k % ACROSS, k // ACROSS
            sign, color = VERDICTS[headline(row).word]
            axis.add_patch(plt.Rectangle((x + 0.04, y + down + 0.06), 0.92, 0.88, fc=color, ec="0.4", lw=0.6))
            axis.text(x + 0.5, y + down + 0.52, sign, ha="center", va="center", fontsize=11, color="black")
        y += down + 1
    handles = [plt.Rectangle((0, 0), 1, 1, fc=color, ec="0.4", label=f"{sign}  {word}")
               for word, (sign, color) in VERDICTS.items()]  # fmt: skip
    fig.legend(handles=handles, loc="outside upper center", ncols=len(VERDICTS), frameon=False, fontsize=10)
    axis.set(xlim=(0, ACROSS), ylim=(y, 0), xticks=[])
    axis.set_yticks(list(ticks.values()), list(ticks), fontsize=10)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    return fig
