"""What a restore must not bring back: sign-ins, and rights that were taken away after the backup was made.

The web app is known here by the names of its collections and fields alone; tests hold them to its models.
"""

from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from serving.backup.audit import RECORDS
from serving.backup.documents import AnyDatabase, loaded

SESSIONS = ("accounts_refreshsession", "django_session")
ACCOUNTS, SERVICE_KEYS = "accounts_user", "gateway_servicekey"
DELETED = {"action": "user.delete", "object_id": {"$regex": "^[0-9a-f]{24}$"}}


@dataclass(frozen=True)
class Withheld:
    """How many accounts and service keys of a backup were let back in no further than they are now.

    `knew` is false where the database that was there knew none of the backup's accounts: then nothing is known of what
    happened after the backup.
    """

    accounts: int
    service_keys: int
    knew: bool


def withhold(database: AnyDatabase) -> Withheld:
    """End all sign-ins in what was loaded, and keep out who is out in the database that it is about to replace."""
    for name in SESSIONS:
        loaded(database, name).delete_many({})
    accounts = loaded(database, ACCOUNTS)
    out = [found["_id"] for found in database[ACCOUNTS].find({"is_active": False}, {"_id": 1})]
    out += [ObjectId(record["object_id"]) for name in RECORDS for record in database[name].find(DELETED)]
    deactivated = accounts.update_many(
        {"_id": {"$in": out}, "is_active": True}, {"$set": {"is_active": False}}
    )
    known = [account["_id"] for account in accounts.find({}, {"_id": 1})]
    return Withheld(
        accounts=deactivated.modified_count,
        service_keys=sum(
            _revoke(database, key, known)
            for key in database[SERVICE_KEYS].find({"revoked_at": {"$ne": None}})
        ),
        knew=database[ACCOUNTS].find_one({"_id": {"$in": known}}) is not None,
    )


def _revoke(database: AnyDatabase, key: dict[str, Any], accounts: list[Any]) -> int:
    by = key.get("revoked_by_id")
    revoked = {"revoked_at": key["revoked_at"], "revoked_by_id": by if by in accounts else None}
    good = {"_id": key["_id"], "revoked_at": None}
    return loaded(database, SERVICE_KEYS).update_one(good, {"$set": revoked}).modified_count
