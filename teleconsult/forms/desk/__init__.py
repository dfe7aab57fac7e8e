"""What staff fill in at the desk: the filters of the queue, and one form for each step of a case."""

from collections.abc import Mapping

from teleconsult.enums import Action
from teleconsult.forms.desk.facility import NameSpecialistForm, ReturnForm, SettleFeeForm
from teleconsult.forms.desk.handing_on import HandOverForm, ReferForm
from teleconsult.forms.desk.office import (
    AskConsentForm,
    AskDocumentForm,
    AskQuestionForm,
    CloseForm,
    ConfirmIdentityForm,
    DeclineForm,
    ForwardForm,
    TakeForm,
    TakeOverForm,
    UrgencyForm,
)
from teleconsult.forms.desk.queue import FilterForm, SearchForm
from teleconsult.forms.desk.steps import StepForm
from teleconsult.forms.desk.written import MessageForm, NoteForm

__all__ = ["FORMS", "WRITTEN", "FilterForm", "SearchForm", "StepForm"]

# In the order in which the desk offers them; the first that moves the case is the one full button.
FORMS: Mapping[Action, type[StepForm]] = {
    form.action: form
    for form in (
        TakeForm,
        ForwardForm,
        NameSpecialistForm,
        SettleFeeForm,
        ConfirmIdentityForm,
        AskDocumentForm,
        AskQuestionForm,
        AskConsentForm,
        UrgencyForm,
        TakeOverForm,
        HandOverForm,
        ReferForm,
        ReturnForm,
        CloseForm,
        DeclineForm,
        MessageForm,
        NoteForm,
    )
}
# These stand beside what they add to, not among the steps.
WRITTEN = frozenset({Action.SEND_MESSAGE, Action.WRITE_NOTE})
