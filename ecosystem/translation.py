from modeltranslation.translator import TranslationOptions, register

from ecosystem.models import Network


@register(Network)
class NetworkTranslation(TranslationOptions):
    fields = ("name", "sort_key")
