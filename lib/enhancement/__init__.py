"""Sharpening (section 5.1): adaptive by the defocus map, and the methods that the paper compares it with."""

from lib.enhancement.unsharp_mask import unsharp_mask

__all__ = ["unsharp_mask"]
