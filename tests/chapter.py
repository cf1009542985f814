"""How the chapters of the tests begin."""

HEADER = """---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {display_name: Python 3, language: python, name: python3}
---

# A chapter

"""
PARAMETERS = """```{code-cell} ipython3
:tags: [parameters]

profile = "quick"
seed = 0
```

"""
