"""What a view's exception becomes."""

from django.db import DatabaseError
from pymongo.errors import OperationFailure, WriteConcernError

from webapp.api.errors import answer_error


def test_a_database_that_stops_in_the_middle_of_an_update_is_no_error_of_ours() -> None:
    # As MongoDB 8 answers an update_many that waits for the majority when it is told to stop: without any label.
    reply = {
        "code": 11602,
        "codeName": "InterruptedDueToReplStateChange",
        "errmsg": "operation was interrupted",
    }
    error = DatabaseError("operation was interrupted")
    error.__cause__ = WriteConcernError(reply["errmsg"], 11602, reply)

    answer = answer_error(error, {})

    assert answer is not None and answer.status_code == 503
    assert answer.data["error"]["code"] == "unavailable"


def test_a_database_with_accounts_that_was_started_just_now_is_no_error_of_ours() -> None:
    # As MongoDB 6 answers whoever goes on after its restart, until it has read its keys.
    text = "Cache Reader No keys found for HMAC that is valid for time"
    error = DatabaseError(text)
    error.__cause__ = OperationFailure(text, 211, {"code": 211, "codeName": "KeyNotFound", "errmsg": text})

    answer = answer_error(error, {})

    assert answer is not None and answer.status_code == 503
    assert answer.data["error"]["code"] == "unavailable"
