"""Design by properties: the latent search for candidates whose predicted properties have given values."""

from sciadv.designs.property_search import PropertySearch
from sciadv.designs.survey import SurveySettings
from sciadv.designs.wishes import at_least, at_most

__all__ = ["PropertySearch", "SurveySettings", "at_least", "at_most"]
