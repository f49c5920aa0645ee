"""The site: python -m sphinx -W -b html docs build/docs."""

import re

import jaxmlp

project = "jaxmlp"
author = "the jaxmlp authors"
release = version = jaxmlp.__version__
html_title = f"jaxmlp {release}"
html_theme = "furo"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
myst_heading_anchors = 3
# In docstrings `name` is code, and is no reference.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_use_rtype = False
# The code draws on jax's types under names that no index resolves.
nitpicky = False
exclude_patterns = ["figures"]
ATTRIBUTES = ("attribute", "data", "property")
kept: dict[str, list[str]] = {}


def _as_rst(app, what, name, obj, options, lines):
    """Docstrings are plain text with `code`: what reStructuredText would read as markup is escaped."""
    parts = re.split(r"(`[^`]*`|^ *>>> .*$)", "\n".join(lines), flags=re.MULTILINE)
    text = "".join(part if i % 2 else re.sub(r"([*|_\\])", r"\\\1", part) for i, part in enumerate(parts))
    lines[:] = text.split("\n")
    if what in ATTRIBUTES:
        kept[name] = list(lines)


def _without_types(app, what, name, obj, options, lines):
    """Napoleon takes what stands before a colon in an attribute's docstring for its type: ours are sentences."""
    if what in ATTRIBUTES:
        lines[:] = kept.pop(name)


def _with_outside(app, docname, source):
    """Links that leave docs/ become the file's name: the site has only these pages."""
    source[0] = re.sub(r"\[([^\]]*)\]\(\.\./[^)]+\)", r"\1", source[0])


def setup(app):
    """Change docstrings before and after napoleon reads them, and pages before MyST does."""
    app.connect("autodoc-process-docstring", _as_rst, priority=100)
    app.connect("autodoc-process-docstring", _without_types, priority=900)
    app.connect("source-read", _with_outside)
