"""What search reads: one entry per thing and language, its terms, and the dictionary of their words."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import connection, models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from search.enums import Kind, Origin
from search.normalise import normalise
from vault.data_classes import DataClass

LONGEST_NOTED = 60
# Nobody can fill the disk with invented words; those known are still counted.
MOST_NOTED = 10_000
COUNT_ZERO_HIT = """
    INSERT INTO search_zerohit AS known (words, language, count, last_on)
    SELECT %s, %s, 1, %s
    WHERE EXISTS (SELECT FROM search_zerohit WHERE words = %s AND language = %s)
       OR (SELECT count(*) FROM search_zerohit) < %s
    ON CONFLICT (words, language) DO UPDATE SET count = known.count + 1, last_on = excluded.last_on
"""


class Entry(models.Model):
    """A published thing in one language, as a result shows it."""

    data_class = DataClass.PUBLIC

    kind = models.CharField(max_length=20, choices=Kind.choices)
    object_id = models.BigIntegerField()
    slug = models.CharField(max_length=120)
    # Language code.
    language = models.CharField(max_length=10)
    # Empty where the language has no text of its own: results then show English.
    name = models.CharField(max_length=300, blank=True)
    summary = models.CharField(max_length=400, blank=True)
    specialty = models.CharField(max_length=200, blank=True)
    # Value of TreatmentKind or FacilityKind.
    subkind = models.CharField(max_length=30, blank=True)
    city = models.CharField(max_length=80, blank=True)
    province = models.CharField(max_length=2, blank=True)
    sort_key = models.CharField(max_length=300, blank=True)
    # Facilities that offer a treatment or list a specialty; treatments of a condition or a body district.
    facilities = models.PositiveIntegerField(default=0)
    treatments = models.PositiveIntegerField(default=0)
    # "specialty:cardiology", "body_district:breast", "province:MI".
    facets = ArrayField(models.CharField(max_length=140), default=list)
    # SHA-256 of the thing and its words in all languages: what has not changed is not written again.
    version = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "object_id", "language"], name="search_entry_once_per_language")
        ]

    def __str__(self) -> str:
        return f"{self.slug} ({self.language})"


class Term(models.Model):
    """A name or another way to call a thing, in one language, cut into words."""

    data_class = DataClass.PUBLIC

    kind = models.CharField(max_length=20, choices=Kind.choices)
    object_id = models.BigIntegerField()
    language = models.CharField(max_length=10)
    origin = models.CharField(max_length=10, choices=Origin.choices)
    # As it is shown; empty for a description.
    text = models.CharField(max_length=300, blank=True)
    # Words in order; other forms of a word follow it after "|".
    words = ArrayField(models.TextField(), default=list)
    # Every form of every word.
    forms = SearchVectorField()

    class Meta:
        indexes = [
            # Without a list of pending rows every search is equally fast.
            GinIndex(
                fields=["forms"],
                name="search_term_names",
                fastupdate=False,
                condition=~models.Q(origin=Origin.TEXT),
            ),
            GinIndex(
                fields=["forms"],
                name="search_term_descriptions",
                fastupdate=False,
                condition=models.Q(origin=Origin.TEXT),
            ),
            models.Index(fields=["kind", "object_id"], name="search_term_object"),
        ]

    def __str__(self) -> str:
        return self.text


class Word(models.Model):
    """A word of the dictionary: misspelt and half typed words are looked up here, then terms by the words found."""

    data_class = DataClass.PUBLIC

    word = models.CharField(max_length=300, db_collation="C")
    # Empty for codes.
    language = models.CharField(max_length=10, blank=True)
    stem = models.CharField(max_length=300, blank=True, db_collation="C")
    # See search.normalise.sound; ASCII, so that trigrams do not depend on the server's locale.
    sound = models.CharField(max_length=300, blank=True, db_collation="C")
    # See search.normalise.deletions; short words share too few trigrams.
    deletions = ArrayField(models.TextField(), default=list)
    # In how many terms it stands.
    frequency = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["word", "language"], name="search_word_once_per_language")]
        indexes = [
            models.Index(fields=["stem", "language"], name="search_word_stem"),
            GinIndex(fields=["deletions"], name="search_word_deletions", fastupdate=False),
            GinIndex(fields=["sound"], opclasses=["gin_trgm_ops"], name="search_word_sound", fastupdate=False),
        ]

    def __str__(self) -> str:
        return self.word


class Build(models.Model):
    """What the index was last rebuilt from."""

    data_class = DataClass.PUBLIC

    digest = models.CharField(max_length=64)
    built_at = models.DateTimeField(default=timezone.now)

    class Meta:
        get_latest_by = "built_at"

    def __str__(self) -> str:
        return self.digest


class ZeroHit(models.Model):
    """Words that found nothing, with how often, so that editors can add them: no visitor, no time of day.

    Short words without a digit or an @ only, so that nobody's name, number or mailbox is likely to stand here.
    """

    data_class = DataClass.OPERATIONAL

    words = models.CharField(max_length=60)
    language = models.CharField(max_length=10)
    count = models.PositiveIntegerField(default=1)
    last_on = models.DateField(default=timezone.localdate)

    class Meta:
        verbose_name = _("search without a hit")
        verbose_name_plural = _("searches without a hit")
        ordering = ["-count", "words"]
        constraints = [models.UniqueConstraint(fields=["words", "language"], name="zero_hit_once")]

    def __str__(self) -> str:
        return self.words

    @staticmethod
    def note(typed: str, language: str) -> None:
        """Count words that found nothing; longer ones, and what may name a person, are forgotten."""
        words = normalise(typed)
        if not 2 <= len(words) <= LONGEST_NOTED or "@" in typed or any(sign.isdigit() for sign in typed + words):
            return
        with connection.cursor() as cursor:
            cursor.execute(COUNT_ZERO_HIT, [words, language, timezone.localdate(), words, language, MOST_NOTED])
