"""Why a model says what it says: class activation maps, by closed form with the detection or by the grad-cam library.

What needs torch is imported from its own module: ``library`` (any torch network), ``detector_layers`` (a model of this
package), ``layer_table`` (which layer gives the most useful map).
"""

from vitruvian.explain.boxes import location_of
from vitruvian.explain.closed_form import Explained, explain_picture, joined_levels
from vitruvian.explain.draw import MapTile, draw_maps
from vitruvian.explain.errors import ExplainError
from vitruvian.explain.files import load_maps, save_maps
from vitruvian.explain.maps import ActivationMaps
from vitruvian.explain.pointing import Pointing, pointing

__all__ = [
    "ActivationMaps",
    "ExplainError",
    "Explained",
    "MapTile",
    "Pointing",
    "draw_maps",
    "explain_picture",
    "joined_levels",
    "load_maps",
    "location_of",
    "pointing",
    "save_maps",
]
