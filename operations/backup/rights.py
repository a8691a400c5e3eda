"""What a restore must not bring back: sign-ins, rights that were withdrawn after the backup, and blind readings.

This module knows the names of the web app's collections and fields; tests compare them with its models.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId

from operations.backup.audit import RECORDS
from operations.backup.documents import AnyDatabase, loaded

SESSIONS = ("accounts_refreshsession", "django_session")
ACCOUNTS, SERVICE_KEYS, SHOWN = "accounts_user", "gateway_servicekey", "scans_disclosure"
DELETED = {"action": "user.delete", "object_id": {"$regex": "^[0-9a-f]{24}$"}}


@dataclass(frozen=True)
class Withheld:
    """The ids of accounts and service keys that are active in the backup but stay deactivated or revoked.

    `knew` is False if the replaced database knew none of the backup's accounts, so that nothing is known of what
    happened after the backup.
    """

    accounts: tuple[str, ...]
    service_keys: tuple[str, ...]
    knew: bool

    @property
    def changes(self) -> list[tuple[str, str, str]]:
        """These changes by action, kind and id, as the audit names them."""
        return [
            *(("user.change", "user", account) for account in self.accounts),
            *(("key.revoke", "service key", key) for key in self.service_keys),
        ]


def withhold(database: AnyDatabase) -> Withheld:
    """End all sign-ins in the loaded collections; deactivate and revoke as in the database that they will replace."""
    for name in SESSIONS:
        loaded(database, name).delete_many({})
    accounts = loaded(database, ACCOUNTS)
    out = [account["_id"] for account in database[ACCOUNTS].find({"is_active": False}, {"_id": 1})]
    out += [ObjectId(record["object_id"]) for name in RECORDS for record in database[name].find(DELETED)]
    active = {"_id": {"$in": out}, "is_active": True}
    deactivated = [account["_id"] for account in accounts.find(active, {"_id": 1})]
    accounts.update_many(active, {"$set": {"is_active": False}})
    known = [account["_id"] for account in accounts.find({}, {"_id": 1})]
    _mark_all_as_shown(database, known)
    return Withheld(
        accounts=tuple(map(str, deactivated)),
        service_keys=tuple(
            str(key["_id"])
            for key in database[SERVICE_KEYS].find({"revoked_at": {"$ne": None}})
            if _revoke(database, key, known)
        ),
        knew=database[ACCOUNTS].find_one({"_id": {"$in": known}}) is not None,
    )


def _mark_all_as_shown(database: AnyDatabase, accounts: list[Any]) -> None:
    """Note that everybody was shown all answers, as nobody knows what was shown after the backup."""
    notes = loaded(database, SHOWN)
    if notes.name not in database.list_collection_names():
        return  # the backup is of a version without these notes; a migration does the same
    now = datetime.now(UTC)
    for account in accounts:
        change = {
            "$set": {"answer_at": now, "readings_at": now},
            "$setOnInsert": {"user_id": account, "scan_id": None, "label": "", "model_version": ""},
        }
        notes.update_one({"_id": str(account)}, change, upsert=True)


def _revoke(database: AnyDatabase, key: dict[str, Any], accounts: list[Any]) -> bool:
    by = key.get("revoked_by_id")
    revoked = {"revoked_at": key["revoked_at"], "revoked_by_id": by if by in accounts else None}
    valid = {"_id": key["_id"], "revoked_at": None}
    return loaded(database, SERVICE_KEYS).update_one(valid, {"$set": revoked}).modified_count > 0
