"""What can go wrong with a question: every message is one line that says what to do next."""

from index import PinciteError


class QuestionError(PinciteError):
    """The question cannot be asked: it is empty or too long."""


class SettingError(PinciteError):
    """A setting of the environment has no meaning."""


class ModelError(PinciteError):
    """The language model did not answer."""


class ModelCut(ModelError):
    """The language model had begun to answer and did not end."""


class ReceiptError(PinciteError):
    """What is to be verified is no receipt of an answer."""
