"""What all self-contained pages share: how a drawing is written as inline SVG, and the house style.

Study reports and data audits are single HTML files that open from disk without a network. `svg` draws; `house_style` is
the CSS that comes first in each.
"""

from importlib.resources import files


def house_style() -> str:
    """Colours for light, dark and print, type, and the parts that every page has."""
    return files(__package__).joinpath("house.css").read_text(encoding="utf-8")
