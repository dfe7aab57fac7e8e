"""What can go wrong in the life of a request; each error says it in a sentence for the person who acts."""

from django.template.defaultfilters import filesizeformat
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class RequestError(Exception):
    """A step that is not possible; `sentence` is shown to whoever tried."""

    sentence: str | Promise = _("This is not possible at the moment.")

    def __init__(self, sentence: str | Promise | None = None) -> None:
        if sentence is not None:
            self.sentence = sentence
        super().__init__(str(self.sentence))


class IllegalStep(RequestError):
    """The state of the request does not allow the step."""

    sentence = _("The request is in a state in which this is not possible.")


class NotAllowed(RequestError):
    """The person may not take this step. Views answer 404."""

    sentence = _("You cannot do this with this request.")


class StaleVersion(RequestError):
    """Somebody was first; says who and what changed."""

    sentence = _("Somebody else changed this request meanwhile. Read what changed, then decide again.")

    def __init__(
        self, sentence: str | Promise | None = None, *, who: str = "", change: str = "", at: object = None
    ) -> None:
        super().__init__(sentence)
        # In words, for the page: who was first, what she did, when.
        self.who, self.change, self.at = who, change, at


class Incomplete(RequestError):
    """An answer is missing; `missing` holds the names of the fields."""

    sentence = _("An answer is missing. Complete it before you send the request.")

    def __init__(self, missing: list[str]) -> None:
        super().__init__()
        self.missing = missing


class ConsentMissing(RequestError):
    """There is no live consent of the patient for this."""

    sentence = _("The patient has not consented to this. Ask for consent first.")


class ConsentTextChanged(RequestError):
    """The text on the screen is not the one in force any more."""

    sentence = _("The text of the consent has changed since you opened this page. Read it again.")


class RulesChanged(RequestError):
    """The hospital's rules on the screen are not those in force any more."""

    sentence = _("The hospital has changed its rules since you opened this page. Read them again, then send.")


class AuthorityMissing(RequestError):
    """Someone acts for the patient and has not stated with what authority."""

    sentence = _("The authority to act for the patient has not been stated yet. Ask for it first.")


class AuthorityNotAttached(AuthorityMissing):
    """The facility wants to see the authority, and no paper shows it."""

    sentence = _("The hospital wants to see a paper that shows the authority to act for the patient. Ask for it first.")


class NotReached(RequestError):
    """The facility has no office here, or has not confirmed that it offers this."""

    sentence = _("This facility is not reached through this portal.")


class NotASpecialistThere(RequestError):
    """The person is no specialist of the facility."""

    sentence = _("This person is not a specialist of the facility.")


class NotAColleague(RequestError):
    """The person does not coordinate in the office that has the request."""

    sentence = _("This person does not work in the office that has the request.")


class ReasonMissing(RequestError):
    """The step needs a reason in words."""

    sentence = _("Write the reason.")


class FileNotReady(RequestError):
    """A file is not checked yet, or was refused."""

    sentence = _("This file cannot be used yet.")


class TooMany(RequestError):
    """A limit was reached: files, tries, codes."""

    sentence = _("You have done this too often. Wait an hour and try again.")


class TooManyFiles(TooMany):
    """The request holds as many files as it may."""

    sentence = _("The request holds as many files as it can. Remove one, or ask the coordination office.")


class FileTooLarge(RequestError):
    """The file is larger than one of its kind may be."""

    sentence = _("The file is too large.")

    def __init__(self, limit: int) -> None:
        super().__init__(
            _("This file is larger than %(limit)s. Send a smaller file, or several parts.")
            % {"limit": filesizeformat(limit)}
        )


class WrongCode(RequestError):
    """The mailed code is wrong, old, used, or belongs to another browser; nobody learns which."""

    sentence = _("This code is not right or no longer valid. Check it, or ask for a new one.")


class WrongReference(RequestError):
    """What was typed cannot be a reference: its check character does not fit."""

    sentence = _("This is not a request number. It looks like HL-7K3M-9QXA-7. Check each sign.")


class NoConsultation(RequestError):
    """The protocol of the request includes no live consultation."""

    sentence = _("A live consultation is not part of this second opinion.")


class SlotTaken(RequestError):
    """Somebody else was faster, or the time is no longer offered."""

    sentence = _("This time is no longer free. Please choose another one.")


class HoldEnded(RequestError):
    """The ten minutes are over."""

    sentence = _("The ten minutes are over, so the time was not kept for you. Please choose again.")


class AlreadyBooked(RequestError):
    """The request has its consultation."""

    sentence = _("A consultation is already booked for this request. You can move it.")


class BookingChanged(RequestError):
    """Somebody changed the consultation meanwhile, or it is over."""

    sentence = _("This consultation was changed meanwhile. Read how it stands now, then decide again.")


class BookingOver(RequestError):
    """It is too late to change the consultation."""

    sentence = _("This consultation has begun or is over.")


class RoomClosed(RequestError):
    """The room opens later, is over, or there is none."""

    sentence = _("The video room opens 15 minutes before the consultation.")


class OpinionIncomplete(RequestError):
    """An answer or the summary is missing, so nothing is signed."""

    sentence = _("The opinion is not complete: answer each question, and write the summary in plain words.")


class FactorMissing(RequestError):
    """The second factor was not given after the text took the form that is to be signed."""

    sentence = _("Confirm with your second factor first: it is asked for after the last change of the text.")


class NoQuestionsLeft(RequestError):
    """The protocol allows no further question about the opinion."""

    sentence = _("You have asked all the questions that are included, or the time for them is over.")
