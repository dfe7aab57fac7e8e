"""What the gallery of components shows: every piece, every state, in English and in Arabic. All of it is invented."""

import datetime as dt
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.http import QueryDict
from django.utils.safestring import SafeString

from treatments.plate import BACK, FRONT, DistrictOnPlate, Figure, Plate

PARTS = (
    ("colour", "Colour", "OKLCH, light and dark. Terracotta means here, now; nothing is said by colour alone."),
    ("type", "Type", "One serif for display in Latin and Cyrillic; the reader’s own faces for the rest."),
    (
        "buttons",
        "Buttons and links",
        "Primary, plain, small, danger, disabled, busy; the arrow turns with the language.",
    ),
    ("navigation", "Breadcrumbs, languages, pages", "Where this is, in which language, which page of the list."),
    ("search", "Search and chips", "Empty and filled; examples below."),
    ("filters", "Filters", "In force as chips that take themselves away; the form folds on a phone."),
    ("states", "States", "Icon and words, always together."),
    ("notices", "Notices", "Information, done, needs you, problem, plain."),
    ("hits", "Search hits", "Name, plain line, why it matched, how many hospitals."),
    ("cards", "Facility cards", "Confirmed and indicative; ask, compare."),
    ("accreditation", "Accreditation", "In date, ends soon, lapsed, and history without a seal."),
    ("facts", "Facts, figures, rankings", "Each with source and year; what is unknown says so."),
    ("compare", "Compare", "Differences marked in words; scrolls inside itself."),
    ("fields", "Form fields", "Label, hint, error; choices as cards; files."),
    ("errors", "Summary of errors", "First on the page, each line a link."),
    ("progress", "Progress of a form", "Done ones can be opened again."),
    ("days", "Working-day clock", "Closed days narrow, a pause hatched, today marked."),
    ("number", "Number and journey line", "The one number of a screen; the line with stations."),
    ("clocks", "Two clocks", "The patient’s first, Milan’s second; a dark dial is night."),
    ("timeline", "Timeline", "Done, now, next."),
    ("messages", "Messages", "Theirs, ours, a note for staff only."),
    ("documents", "Documents and checklist", "State in words, progress, who opened them."),
    ("steps", "Second opinion in four steps", "On the dark band."),
    ("texts", "State of a text", "Shown in another language, by a machine, out of date, not reviewed."),
    ("empty", "Nothing found", "And what to do instead."),
    ("receipt", "Receipt", "Made to be printed."),
    ("map", "Map", "Never mirrors."),
    ("desk", "The desk", "The queue beside the case."),
    ("body", "Body", "Seventeen districts; the heart stays on its side."),
)

COLOURS = [
    "paper",
    "paper-sunk",
    "paper-raised",
    "band",
    "ink",
    "ink-soft",
    "hairline",
    "edge",
    "pine",
    "pine-strong",
    "pine-wash",
    "terracotta",
    "terracotta-ink",
    "leaf",
    "leaf-wash",
    "amber",
    "amber-wash",
    "brick",
    "brick-wash",
    "sky",
    "sky-wash",
]

DISTRICTS = {
    "head-brain": ("Head, brain and nerves", "الرأس والدماغ والأعصاب"),
    "eyes": ("Eyes", "العينان"),
    "ear-nose-throat": ("Ear, nose, throat and mouth", "الأذن والأنف والحنجرة والفم"),
    "glands-hormones": ("Glands, hormones, metabolism", "الغدد والهرمونات والأيض"),
    "lungs-chest": ("Lungs and chest", "الرئتان والصدر"),
    "breast": ("Breast", "الثدي"),
    "heart-vessels": ("Heart and blood vessels", "القلب والأوعية الدموية"),
    "liver-pancreas": ("Liver, bile ducts and pancreas", "الكبد والقنوات الصفراوية والبنكرياس"),
    "digestive-system": ("Digestive system", "الجهاز الهضمي"),
    "female-reproductive": ("Female reproductive system and pregnancy", "الجهاز التناسلي الأنثوي والحمل"),
    "male-reproductive": ("Male reproductive system", "الجهاز التناسلي الذكري"),
    "spine": ("Spine and spinal cord", "العمود الفقري والنخاع الشوكي"),
    "kidney-urinary": ("Kidneys and urinary tract", "الكليتان والمسالك البولية"),
    "blood-immune": ("Blood and immune system", "الدم والجهاز المناعي"),
    "skin": ("Skin", "الجلد"),
    "bones-joints": ("Bones, joints and muscles", "العظام والمفاصل والعضلات"),
    "whole-body": ("Whole body", "الجسم كله"),
}

PROVINCES = (
    ("VA", "Varese", 1),
    ("CO", "Como", 0),
    ("SO", "Sondrio", 1),
    ("MI", "Milano", 27),
    ("BG", "Bergamo", 6),
    ("BS", "Brescia", 4),
    ("PV", "Pavia", 3),
    ("CR", "Cremona", 1),
    ("MN", "Mantova", 1),
    ("LC", "Lecco", 2),
    ("LO", "Lodi", 1),
    ("MB", "Monza e Brianza", 3),
)

QR = (
    '<svg viewBox="0 0 9 9" aria-hidden="true"><path stroke-width="1" fill="none" '
    'd="M1 1.5h3m1 0h3M1 2.5h1m1 0h1m2 0h1M1 3.5h3m2 0h2'
    'M2 4.5h2m1 0h1M1 5.5h1m2 0h3M1 6.5h3m2 0h1M1 7.5h2m1 0h1m1 0h2"/></svg>'
)


def pick(arabic: bool, english_text: str, arabic_text: str) -> str:
    """Return the text of the pane."""
    return arabic_text if arabic else english_text


def cells_of(*texts: str) -> list[dict[str, Any]]:
    """Return cells of one line, empty where nothing is known."""
    return [{"lines": [{"text": text}] if text else []} for text in texts]


def plate_for(arabic: bool, *, is_child: bool) -> Plate:
    """Return the plate of a figure with links that lead nowhere."""
    front, back = (
        [DistrictOnPlate(slug, pick(arabic, *DISTRICTS[slug]), "#") for slug in side] for side in (FRONT, BACK)
    )
    return Plate(is_child, front, back, [])


def form_for(arabic: bool, *, data: dict[str, str] | None = None) -> forms.Form:
    """Return a form with each kind of field; with `data`, one that was refused."""

    class Sample(forms.Form):
        mail = forms.EmailField(
            label=pick(arabic, "E-mail address", "البريد الإلكتروني"),
            help_text=pick(arabic, "We write only when something waits for you.", "نكتب إليك فقط حين ينتظرك شيء."),
        )
        born = forms.CharField(label=pick(arabic, "Date of birth", "تاريخ الميلاد"))
        country = forms.ChoiceField(
            label=pick(arabic, "Country or region", "البلد أو المنطقة"),
            choices=[("", "—"), ("ae", pick(arabic, "United Arab Emirates", "الإمارات العربية المتحدة"))],
        )
        who = forms.ChoiceField(
            label=pick(arabic, "Who is it for?", "لمن هذا الطلب؟"),
            widget=forms.RadioSelect,
            choices=[
                ("me", pick(arabic, "For me", "لي")),
                (
                    "child",
                    SafeString(
                        pick(
                            arabic,
                            "For my child<small>You are the parent or guardian</small>",
                            "لطفلي<small>أنت الوالد أو الوصي</small>",
                        )
                    ),
                ),
            ],
        )
        question = forms.CharField(
            label=pick(arabic, "What do you want to know?", "ماذا تريد أن تعرف؟"),
            widget=forms.Textarea(attrs={"rows": 3}),
        )
        files = forms.FileField(
            label=pick(arabic, "Add files", "أضف ملفات"),
            help_text=pick(
                arabic, "PDF or photos. A clear phone photo is fine.", "ملف PDF أو صور. تكفي صورة واضحة بالهاتف."
            ),
            required=False,
        )
        agree = forms.BooleanField(
            label=pick(arabic, "This hospital may read my papers", "يجوز لهذا المستشفى قراءة أوراقي"),
            help_text=pick(arabic, "For this second opinion only", "لهذا الرأي الثاني فقط"),
        )

    return Sample(data, prefix=("ar" if arabic else "en") + ("-bad" if data is not None else ""))


def pane(arabic: bool) -> dict[str, Any]:
    """Return the sample values of one direction."""
    side = "ar" if arabic else "en"

    def t(english_text: str, arabic_text: str) -> str:
        return pick(arabic, english_text, arabic_text)

    def clock(time: str, place: str, offset: str, hour: int, minute: int) -> dict[str, Any]:
        return {
            "time": time,
            "datetime": f"{hour:02}:{minute:02}",
            "place": place,
            "offset": offset,
            "hour": hour,
            "minute": minute,
        }

    week = t("Mon Tue Wed Thu Fri Sat Sun Mon Tue Wed", "اثن ثلا أرب خمي جمع سبت أحد اثن ثلا أرب").split()
    states = ["done", "done", "paused", "paused", "paused", "closed", "closed", "left", "left", "due"]
    words = {
        "done": t("working day, used", "يوم عمل، محسوب"),
        "paused": t("paused", "متوقف"),
        "closed": t("weekend", "عطلة"),
        "left": t("working day", "يوم عمل"),
        "due": t("answer due", "موعد الجواب"),
    }
    bad = form_for(arabic, data={f"{side}-bad-mail": "x", f"{side}-bad-born": "31.13.1974"})
    bad.add_error(
        "born",
        t("There is no 13th month. Write it as day, month, year.", "لا يوجد شهر 13. اكتبه: اليوم، الشهر، السنة."),
    )
    return {
        "side": side,
        "is_arabic": arabic,
        "today": dt.date(2026, 11, 21),
        "until": dt.date(2028, 6, 30),
        "soon": dt.date(2026, 12, 31),
        "past": dt.date(2026, 3, 1),
        "hospital": SafeString('<span lang="it" dir="ltr">Ospedale Dimostrativo A</span>'),
        "hospital_meta": t("Research hospital · private, accredited · Milan", "مستشفى بحثي · خاص، معتمد · ميلانو"),
        "knee": t("Knee replacement", "تبديل مفصل الركبة"),
        "knee_line": t(
            "An artificial joint takes the place of the worn surfaces of the knee.",
            "مفصل صناعي يحل محل أسطح الركبة المتآكلة.",
        ),
        "why": SafeString(t("Also called <mark>new knee</mark>", "يسمى أيضا <mark>ركبة جديدة</mark>")),
        "typed": t("new knee", "ركبة جديدة"),
        "examples": [t("new knee", "ركبة جديدة"), t("breast cancer", "سرطان الثدي"), t("heart valve", "صمام القلب")],
        "filters": [
            {"text": t("Province: Bergamo", "المقاطعة: بيرغامو"), "url": "#"},
            {"text": t("Research hospitals", "مستشفيات بحثية"), "url": "#"},
        ],
        "hidden": [{"name": "q", "value": t("new knee", "ركبة جديدة")}],
        "facets": [
            {
                "name": f"{side}-province",
                "legend": t("Province", "المقاطعة"),
                "kind": "checkbox",
                "choices": [
                    {"value": "mi", "label": t("Milan", "ميلانو"), "count": 27, "is_checked": False},
                    {"value": "bg", "label": t("Bergamo", "بيرغامو"), "count": 6, "is_checked": True},
                ],
            },
            {
                "name": f"{side}-sort",
                "legend": t("Order", "الترتيب"),
                "kind": "radio",
                "choices": [
                    {"value": "best", "label": t("Best match", "الأقرب"), "count": "", "is_checked": True},
                    {"value": "name", "label": t("Name", "الاسم"), "count": "", "is_checked": False},
                ],
            },
        ],
        "page": Paginator(range(60), 20).page(2),
        "query": QueryDict("province=BG"),
        "languages": [
            {"bcp47": "en", "name": "English", "direction": "ltr", "url": "#"},
            {"bcp47": "ar", "name": "العربية", "direction": "rtl", "url": "#"},
            {"bcp47": "zh-Hans", "name": "简体中文", "direction": "ltr", "url": "#"},
        ],
        "language": {"bcp47": side},
        "form": form_for(arabic),
        "bad_form": bad,
        "form_steps": [
            {"name": t("Who is asking", "من يسأل"), "url": "#", "state": "done"},
            {"name": t("What you want to know", "ما تريد معرفته"), "url": "#", "state": "done"},
            {"name": t("Your documents", "أوراقك"), "url": "#", "state": "now"},
            {"name": t("Check and send", "راجع وأرسل"), "url": "#", "state": "next"},
        ],
        "days": [
            {"weekday": day, "day": 16 + n, "state": state, "is_today": n == 5, "text": words[state]}
            for n, (day, state) in enumerate(zip(week, states, strict=True))
        ],
        "days_title": t("Paused after 2 of 5 working days", "توقف بعد يومي عمل من 5"),
        "days_state": t("Since Wednesday 18 November", "منذ الأربعاء 18 نوفمبر"),
        "days_sentence": t(
            "If you send it today, the answer is due on Wednesday 25 November by 20:00 in Riyadh (18:00 in Milan).",
            "إذا أرسلتها اليوم، يصلك الجواب يوم الأربعاء 25 نوفمبر قبل 20:00 في الرياض (18:00 في ميلانو).",
        ),
        "stations": [
            {"label": t("Mon 16", "الاثنين 16"), "note": t("day 1", "اليوم 1"), "state": "done"},
            {"label": t("Tue 17", "الثلاثاء 17"), "note": t("day 2", "اليوم 2"), "state": "paused"},
            {"label": t("Paused", "متوقف"), "note": t("now", "الآن"), "state": "now"},
            {"label": t("day 3", "اليوم 3"), "note": "", "state": "next"},
            {"label": t("Answer", "الجواب"), "note": t("day 5", "اليوم 5"), "state": "next"},
        ],
        "number_text": t("working days left, clock paused", "أيام عمل باقية، العداد متوقف"),
        "clocks": [
            clock("17:00–17:30", t("Riyadh", "الرياض"), "UTC+3", 17, 0),
            clock("15:00–15:30", t("Milan", "ميلانو"), "UTC+1", 15, 0),
        ],
        "night_clocks": [
            clock("22:30–23:00", t("Singapore", "سنغافورة"), "UTC+8", 22, 30),
            clock("15:30–16:00", t("Milan", "ميلانو"), "UTC+1", 15, 30),
        ],
        "events": [
            {
                "title": t("Your file was complete", "اكتمل ملفك"),
                "text": "",
                "when": t("13 November, 17:15", "13 نوفمبر، 17:15"),
                "state": "done",
            },
            {
                "title": t("A newer report was asked for", "طُلب تقرير أحدث"),
                "text": t("The clock paused. It is your turn.", "توقف العداد. الدور عليك."),
                "when": t("18 November, 11:31", "18 نوفمبر، 11:31"),
                "state": "now",
            },
            {
                "title": t("The specialist answers", "يجيب الاختصاصي"),
                "text": t("In writing.", "كتابةً."),
                "when": "",
                "state": "next",
            },
        ],
        "openings": [
            {
                "who": "Demo Coordinator",
                "role": t("coordination office", "مكتب التنسيق"),
                "when": t("18 November, 11:24 in Riyadh", "18 نوفمبر، 11:24 في الرياض"),
            }
        ],
        "opened_text": t("Opened 1 time: see by whom", "فُتح مرة واحدة: انظر من فتحه"),
        "promise": t("5 to 10 working days, as each hospital promises", "من 5 إلى 10 أيام عمل، كما يعد كل مستشفى"),
        "qr": SafeString(QR),
        "compare_caption": t("Two demo hospitals side by side", "مستشفيان تجريبيان جنبا إلى جنب"),
        "columns": [
            {"name": "Demo Hospital A", "url": "#", "remove_url": "#"},
            {"name": "Demo Hospital B", "url": "#", "remove_url": "#", "earlier_url": "#"},
        ],
        "sections": [
            {
                "slug": side,
                "title": t("Second opinion", "رأي طبي ثان"),
                "rows": [
                    {
                        "label": t("Answer within", "الجواب خلال"),
                        "cells": cells_of(t("5 working days", "5 أيام عمل"), t("10 working days", "10 أيام عمل")),
                        "difference": "differs",
                    },
                    {
                        "label": t("Languages of your papers", "لغات أوراقك"),
                        "cells": cells_of(*[t("English, Italian", "الإنجليزية والإيطالية")] * 2),
                        "difference": "same",
                    },
                    {
                        "label": t("Fee", "الرسوم"),
                        "cells": cells_of("", t("On request", "عند الطلب")),
                        "difference": "unknown",
                    },
                ],
            }
        ],
        "map_label": t("Map of Lombardy with a dot for each hospital", "خريطة لومبارديا مع نقطة لكل مستشفى"),
        "provinces": [{"code": code, "name": name, "url": "#", "count": count} for code, name, count in PROVINCES],
        "dots": [
            {"x": 143.7, "y": 344.8, "is_here": False},
            {"x": 237.1, "y": 276.5, "is_here": False},
            {"x": 145.4, "y": 362.4, "is_here": True},
        ],
        "lanes": [
            {"name": t("All open", "كل المفتوحة"), "count": 14, "url": "#", "is_current": True, "is_late": False},
            {"name": t("New", "جديدة"), "count": 3, "url": "#", "is_current": False, "is_late": False},
            {"name": t("Due today", "تستحق اليوم"), "count": 1, "url": "#", "is_current": False, "is_late": False},
            {"name": t("Late", "متأخرة"), "count": 1, "url": "#", "is_current": False, "is_late": True},
        ],
        "queue": [
            {
                "reference": "HL-2R9T-DEMO",
                "about": t("Heart valve disease", "مرض صمام القلب"),
                "person": "58 · OM",
                "due": t("due 19 Nov", "19 نوفمبر"),
                "state": "brick",
                "state_text": t("1 day late", "متأخرة يوما"),
                "is_current": False,
            },
            {
                "reference": "HL-7K3M-DEMO",
                "about": t("Lung nodule", "عقدة رئوية"),
                "person": "52 · SA",
                "due": t("3 days left", "بقي 3 أيام"),
                "state": "amber",
                "state_text": t("Paused", "متوقفة"),
                "is_current": True,
            },
            {
                "reference": "HL-9DFH-DEMO",
                "about": t("Knee osteoarthritis", "خشونة الركبة"),
                "person": "41 · DE",
                "due": t("5 days left", "بقي 5 أيام"),
                "state": "sky",
                "state_text": t("New", "جديدة"),
                "is_current": False,
            },
        ],
        "plate": plate_for(arabic, is_child=False),
        "plate_of_child": plate_for(arabic, is_child=True),
        "figure": Figure("child", "/components/"),
    }


def sample() -> dict[str, Any]:
    """Return everything `gallery.html` shows."""
    return {
        "parts": [{"key": key, "title": title, "text": text} for key, title, text in PARTS],
        "colours": COLOURS,
        "en": pane(arabic=False),
        "ar": pane(arabic=True),
    }
