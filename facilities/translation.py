from modeltranslation.translator import TranslationOptions, register

from facilities.models import Facility


@register(Facility)
class FacilityTranslation(TranslationOptions):
    fields = ("usual_name", "summary", "irccs_discipline", "sort_key")
