"""What the options of `tillbridge release` may be."""

from enum import StrEnum


class RoleChoice(StrEnum):
    """The roles of a repository; the same names as `publishing.keys.RoleName`, which loads what signs."""

    ROOT = "root"
    TARGETS = "targets"
    SNAPSHOT = "snapshot"
    TIMESTAMP = "timestamp"


class ChannelName(StrEnum):
    """Who gets a version: every shop, or those that want it earlier."""

    STABLE = "stable"
    TESTING = "testing"


class InstallerSystem(StrEnum):
    """What an installer is for."""

    LINUX = "linux"
    DEB = "deb"
    WINDOWS = "windows"
