"""The optical model of section 2: from a camera and a scene's depth to defocus blur (eqs. 1 to 4).

Lengths are in metres and the blur of pictures in pixels; `Camera` knows the step from one to the other.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from lib import images

TRUNCATE = 4.0
"""Half width of a Gaussian kernel in units of sigma: all but 0.03 % of the light is inside."""
EXTENSION_WEIGHT = 1e-3
"""Weight of hidden, extended pixels beside visible ones: they count only where nothing visible is near."""
OUTLINE = 2
"""Width in pixels of the outlines whose color is not extended."""


@dataclass(frozen=True)
class Camera:
    """A thin lens in front of a sensor (Fig. 1).

    Parameters
    ----------
    focal_length : float
        f, metres.
    f_number : float
        f / A; a photographer's 2.8.
    focus_distance : float
        S1, metres from the lens to the focal plane; more than `focal_length`, may be infinite.
    sensor_width : float
        Metres.
    image_width : int
        Pixels across the sensor.

    Raises
    ------
    ValueError
        For a value that is not positive, or a focus distance within the focal length.

    Examples
    --------
    >>> portrait = Camera(focal_length=0.085, f_number=1.4, focus_distance=2, sensor_width=0.036, image_width=6000)
    >>> f"A = {portrait.aperture * 1e3:.1f} mm, f1 = {portrait.sensor_distance * 1e3:.1f} mm"
    'A = 60.7 mm, f1 = 88.8 mm'
    """

    focal_length: float
    f_number: float
    focus_distance: float
    sensor_width: float
    image_width: int

    def __post_init__(self):
        for name in ("focal_length", "f_number", "sensor_width", "image_width"):
            value = getattr(self, name)
            if not 0 < value < np.inf:
                msg = f"Expected {name} to be positive and finite, got {value}."
                raise ValueError(msg)
        image_distance(self.focus_distance, self.focal_length)  # focus within f has no real image

    @property
    def aperture(self):
        """Diameter A of the aperture, metres."""
        return self.focal_length / self.f_number

    @property
    def sensor_distance(self):
        """Distance f1 from lens to sensor (eq. 1), metres."""
        return image_distance(self.focus_distance, self.focal_length)

    @property
    def pixel_pitch(self):
        """Width of one pixel, metres."""
        return self.sensor_width / self.image_width


def image_distance(distance, focal_length):
    """Where a thin lens images a point: f1 of eq. 1, 1/S1 + 1/f1 = 1/f.

    Parameters
    ----------
    distance : float
        S1, metres in front of the lens; may be infinite.
    focal_length : float
        f, metres.

    Returns
    -------
    float
        f1, metres behind the lens.

    Raises
    ------
    ValueError
        When the point is not farther than the focal length: its image is virtual.

    Examples
    --------
    >>> round(image_distance(2.0, 0.05), 5)
    0.05128
    """
    if not distance > focal_length:
        msg = f"Expected a distance beyond the focal length ({focal_length} m), got {distance} m: move it away."
        raise ValueError(msg)
    return 1 / (1 / focal_length - 1 / distance)


def circle_of_confusion(depth, camera):
    """Eq. 2: diameter of the spot that a point at distance `depth` makes on the sensor.

    Eq. 1 turns ``f / |S1 - f|`` into ``f1 / S1``, so eq. 2 reads ``d = A f1 |1/S1 - 1/S2|``, also at infinity.

    Parameters
    ----------
    depth : float or ndarray
        S2, metres from the lens; positive, may be infinite.
    camera : Camera

    Returns
    -------
    float or ndarray
        d in metres; divide by ``camera.pixel_pitch`` for pixels.

    Raises
    ------
    ValueError
        When a depth is NaN, zero or negative.

    Examples
    --------
    >>> camera = Camera(focal_length=0.05, f_number=2, focus_distance=2, sensor_width=0.036, image_width=6000)
    >>> print(f"{circle_of_confusion(4.0, camera) * 1e3:.3f} mm")
    0.321 mm
    """
    depth = np.asarray(depth, np.float64)
    if not np.all(depth > 0):
        msg = "Expected depths in metres, all positive, got NaN, zero or negative ones: fill holes before rendering."
        raise ValueError(msg)
    return camera.aperture * camera.sensor_distance * np.abs(1 / camera.focus_distance - 1 / depth)


def coc_to_sigma(diameter):
    """Sigma of the Gaussian that spreads light as far as a uniform disk of `diameter`.

    The paper says "proportional" and leaves the factor open. A uniform disk of radius R has the variance R^2 / 4
    along each axis; the Gaussian of the same second moment has sigma = R / 2 = d / 4.
    """
    return diameter / 4


def sigma_map(depth, camera):
    """The true defocus of every pixel: sigma in pixels, float32, of the shape of `depth` (eq. 2 and `coc_to_sigma`)."""
    return np.float32(coc_to_sigma(circle_of_confusion(depth, camera) / camera.pixel_pitch))


def gaussian_kernel(sigma, truncate=TRUNCATE):
    """Eq. 3, sampled and normalised to sum 1.

    Parameters
    ----------
    sigma : float
        Pixels; 0 is the unit sample.
    truncate : float
        The kernel ends at ``truncate * sigma``.

    Returns
    -------
    (K, K) float64 ndarray
        K is odd.
    """
    images.check_not_negative(sigma=sigma)
    if sigma == 0:
        return np.ones((1, 1))
    radius = int(truncate * sigma + 0.5)
    x = np.arange(-radius, radius + 1)
    profile = np.exp(-(x**2) / (2 * sigma**2))
    kernel = np.outer(profile, profile)
    return kernel / kernel.sum()


def disk_kernel(diameter):
    """Uniform disk: the spot of a lens without aberrations, normalised to sum 1.

    Each pixel holds the share of the disk that falls on it, so that the kernel grows smoothly with `diameter`.

    Parameters
    ----------
    diameter : float
        Pixels.

    Returns
    -------
    (K, K) float64 ndarray
        K is odd.
    """
    images.check_not_negative(diameter=diameter)
    if diameter <= 1:
        return np.ones((1, 1))
    size = 2 * int(np.ceil(diameter / 2 - 0.5)) + 1
    rows = 32  # lines that sample a pixel; along a line the disk's share is exact
    y = (np.arange(size * rows) + 0.5) / rows - size / 2
    half_chord = np.sqrt(np.clip(diameter**2 / 4 - y**2, 0, None))[:, None]
    left = np.arange(size) - size / 2
    share = np.clip(np.minimum(left + 1, half_chord) - np.maximum(left, -half_chord), 0, None)
    kernel = share.reshape(size, rows, size).sum(axis=1)
    kernel += kernel.T  # the sampling treats x and y differently; the disk does not
    return kernel / kernel.sum()


def render_defocus(image, depth, camera, **options):
    """Eq. 4: the picture that `camera` takes of an all-in-focus `image` whose `depth` is known.

    Parameters
    ----------
    image : (H, W[, 3]) ndarray
        In [0, 1]; W is ``camera.image_width``.
    depth : (H, W) ndarray
        S2 in metres, positive, may be infinite.
    camera : Camera
    **options
        Kernel, noise and others of `render`; what does not fit is refused as there.

    Returns
    -------
    rendered : (H, W[, 3]) float32 ndarray in [0, 1]
    sigma : (H, W) float32 ndarray
        The true `sigma_map`, pixels.

    Examples
    --------
    >>> camera = Camera(focal_length=0.05, f_number=2, focus_distance=2, sensor_width=0.036, image_width=64)
    >>> rendered, sigma = render_defocus(np.ones((48, 64)), np.full((48, 64), 2.0), camera)
    >>> rendered.shape, float(sigma.max())
    ((48, 64), 0.0)
    """
    width = np.shape(image)[1:2]
    if width and width != (camera.image_width,):
        msg = (
            f"Expected an image {camera.image_width} pixels wide, as the camera's image_width, got {width[0]}: "
            "set image_width to the picture's, and for a crop the sensor_width in proportion."
        )
        raise ValueError(msg)
    sigma = sigma_map(depth, camera)
    return render(image, np.where(np.asarray(depth) < camera.focus_distance, -sigma, sigma), **options), sigma


def render(image, sigma, kernel="gaussian", noise=0.0, seed=0, step=0.25, linear=False):
    """Eq. 4 where the blur is known: an all-in-focus `image`, blurred by its map.

    Eq. 4 says nothing about what hides what. Here the scene is cut into layers of nearly equal blur, in front of
    and behind the focal plane, and composited from the nearest to the farthest: a blurred foreground spreads over
    what lies behind it, a blurred background never over a sharp foreground. What a layer hides is unknown; the
    nearest visible pixels behind it stand in.

    Parameters
    ----------
    image : (H, W[, 3]) ndarray in [0, 1]
    sigma : (H, W) ndarray
        Pixels, negative in front of the focal plane: signed sigma grows with depth (eq. 2), so it sorts what is
        near from what is far.
    kernel : {"gaussian", "disk"}
        Eq. 3, or the uniform disk of eq. 2's diameter.
    noise : float
        Standard deviation of the sensor noise Z, in units of the image.
    seed : int
        Of the noise.
    step : float
        Greatest spread of sigma within one layer, pixels.
    linear : bool
        Apply the model to light instead of to the stored sRGB values. The paper does not.

    Returns
    -------
    (H, W[, 3]) float32 ndarray in [0, 1]

    Raises
    ------
    ValueError
        For shapes that do not match, values out of range, or an unknown kernel.

    Examples
    --------
    >>> edge = np.repeat([[0.0, 0.0, 0.0, 1.0, 1.0, 1.0]], 3, axis=0)
    >>> render(edge, np.full(edge.shape, 1.0))[1].round(2)
    array([0.  , 0.06, 0.3 , 0.7 , 0.94, 1.  ], dtype=float32)
    """
    image, sigma = images.check_image(image), images.check_map(sigma, image)
    images.check_not_negative(noise=noise, step=step)
    if kernel not in ("gaussian", "disk") or step == 0:
        msg = f"Expected kernel 'gaussian' or 'disk' and a positive step, got {kernel!r} and {step}."
        raise ValueError(msg)

    _, layer = np.unique(np.floor(sigma / step), return_inverse=True)  # 0 is the nearest
    light = (to_light(image) if linear else image).reshape(*sigma.shape, -1)
    rendered = _composite(light, layer.reshape(sigma.shape), np.abs(sigma), kernel).reshape(image.shape)
    if noise:
        rendered = rendered + np.random.default_rng(seed).normal(0, noise, image.shape).astype(np.float32)
    rendered = np.clip(rendered, 0, 1)
    return to_srgb(rendered) if linear else rendered


def _composite(light, layer, sigma, kernel):
    """Add up the layers, from near to far, through what the nearer ones let pass.

    A layer's opacity is its share among everything at its distance or behind it. So the layers of one slanted
    surface add up to a solid surface, as they must, and the last layer fills whatever is left.
    """
    rendered = np.zeros_like(light)
    passed = np.ones((*layer.shape, 1), np.float32)
    for k in range(layer.max() + 1):
        color, index, weight = _extend(light, layer, k)
        mask = ((index == k) * weight)[..., None]
        stack = _blur(np.dstack([color * mask, mask, weight]), sigma[layer == k].mean(), kernel)
        total = stack[..., -1:]
        rendered += passed * stack[..., :-2] / total
        passed *= 1 - np.clip(stack[..., -2:-1] / total, 0, 1)
    return rendered


def _extend(light, layer, k):
    """Replace what is nearer than layer `k` by the nearest pixels that are not, at a small weight.

    Pixels right at an outline are passed over if they can be: in a photo they hold some of the nearer color.
    """
    hidden = layer < k
    if not hidden.any():
        return light, layer, np.ones(layer.shape, np.float32)
    avoided = cv2.dilate(np.uint8(hidden), np.ones((2 * OUTLINE + 1, 2 * OUTLINE + 1), np.uint8))
    if avoided.all():
        avoided = np.uint8(hidden)
    _, label = cv2.distanceTransformWithLabels(avoided, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    kept = np.flatnonzero(avoided == 0)
    source = np.empty(label.max() + 1, np.int64)
    source[label.flat[kept]] = kept
    source = np.where(hidden, source[label], np.arange(layer.size).reshape(layer.shape))
    weight = np.where(hidden, np.float32(EXTENSION_WEIGHT), np.float32(1))
    return light.reshape(layer.size, -1)[source], layer.flat[source], weight


def _blur(stack, sigma, kernel):
    """Filter all channels, borders mirrored; the Gaussian by its two 1-D factors."""
    if kernel == "disk":
        return cv2.filter2D(stack, -1, disk_kernel(4 * sigma), borderType=cv2.BORDER_REFLECT)
    profile = gaussian_kernel(sigma).sum(axis=0)
    return cv2.sepFilter2D(stack, -1, profile, profile, borderType=cv2.BORDER_REFLECT)


def to_light(srgb):
    """Turn sRGB values in [0, 1] into linear light in [0, 1], float32 (IEC 61966-2-1).

    Examples
    --------
    >>> to_light(np.float32([0, 0.5, 1])).round(3)
    array([0.   , 0.214, 1.   ], dtype=float32)
    """
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).astype(np.float32)


def to_srgb(light):
    """Turn linear light into sRGB values, the inverse of `to_light`."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055).astype(np.float32)
