"""Draws _static/front.png, the picture of the front page and of the README: ``python book/front.py``."""

import matplotlib
import matplotlib.pyplot as plt

from lib import blur_map, classifiers, paths, photos, pictures, refinement

matplotlib.use("Agg")


def main():
    """A photo and its refined defocus map, side by side."""
    flower = photos.load("flower")
    sigma = refinement.refine(blur_map.estimate(flower, classifiers.load("mobilenet_v2-lens"), step=4), flower)
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
