from modeltranslation.translator import TranslationOptions, register

from treatments.models import Condition, Protocol, RequiredDocument, Treatment


@register([Condition, Treatment])
class CureTranslation(TranslationOptions):
    fields = ("name", "synonyms", "summary", "sort_key")


@register(Protocol)
class ProtocolTranslation(TranslationOptions):
    fields = ("name", "for_whom", "exclusions", "translation_rule", "fee_note")


@register(RequiredDocument)
class RequiredDocumentTranslation(TranslationOptions):
    fields = ("what", "only_when")
