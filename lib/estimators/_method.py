"""What the registry and the tables know about a method."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Method:
    """What an estimator's map means.

    Attributes
    ----------
    title : str
        For tables and figures.
    unit : {"sigma", "score"}
        Pixels of sigma, or a score without unit, which its `estimate` explains.
    blurrier : {"larger", "smaller"}
        Which values mean more blur.
    working_pixels : int, optional
        Larger photos are estimated at this many pixels and the map is scaled up; none by default.
    variants : dict of dict
        Options of `estimate` that make further entries of the registry, by name.
    """

    title: str
    unit: str = "sigma"
    blurrier: str = "larger"
    working_pixels: int | None = None
    variants: dict = field(default_factory=dict)
