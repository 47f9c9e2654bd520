"""What every feature of the portal is handed: the effects, the database, the keys, the audit log and the mail."""

from dataclasses import dataclass

from tillbridge.portal.audit.log import AuditLog
from tillbridge.portal.mail.post import Post
from tillbridge.portal.settings import PortalSettings
from tillbridge.portal.storage.database import Database
from tillbridge.portal.vault import Vault
from tillbridge.runtime.effects import Runtime


@dataclass(frozen=True, slots=True)
class House:
    """One portal process. Nothing in it remembers anything that another process would have to know."""

    settings: PortalSettings
    database: Database
    vault: Vault
    runtime: Runtime
    audit: AuditLog
    post: Post
