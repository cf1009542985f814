"""One pass: a photo in, sigma and how sure it is out.

`estimate` is what users call; it imports no TensorFlow. The other modules are the network (`network`), its files
(`weights`), the sizes of a photo that it sees (`sizes`) and how sure it is (`interval`). How it is trained, and
exported for other programs, stands in `lib.studies.one_pass`.
"""

from lib.one_pass.sizes import reduce
from lib.one_pass.use import estimate, installed

__all__ = ["estimate", "installed", "reduce"]
