"""Draws _static/front.png, the picture of the front page and of the README: ``python book/front.py``."""

import matplotlib
import matplotlib.pyplot as plt

from lib import one_pass, paths, photos, pictures

matplotlib.use("Agg")


def main():
    """A photo and its defocus map, side by side."""
    flower = photos.load("flower")
    sigma = one_pass.estimate(flower)
    fig, axes = plt.subplots(1, 2, figsize=(10, 3.35), layout="constrained")
    axes[0].imshow(flower)
    drawn = axes[1].imshow(sigma, cmap="magma", vmin=0, vmax=8)
    fig.colorbar(drawn, ax=axes[1], extend="max", label=r"$\sigma$ (pixels)")
    for axis in axes:
        axis.axis("off")
    target = paths.BOOK / "_static" / "front.png"
    target.parent.mkdir(exist_ok=True)
    fig.savefig(target, dpi=110)
    print(target, pictures.read(target).pixels.shape)


if __name__ == "__main__":
    main()
