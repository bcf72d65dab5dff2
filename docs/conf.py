"""Sphinx; a warning is an error in CI."""

from importlib.metadata import version as installed_version

project = "safeses"
author = "The safeses authors"
project_copyright = author
version = release = installed_version("safeses")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"safeses {release}"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_default_options = {
    "members": True,
    "member-order": "bysource",
    "show-inheritance": True,
}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
napoleon_use_ivar = True

# Every reference to our own names must resolve. Names of the standard library
# and of other packages need no inventory, so that a build needs no network.
# What stands in a private module has no page.
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(?!safeses\b).*"),
    ("py:class", r"safeses\.(.*\.)?_[\w.]+"),
]
