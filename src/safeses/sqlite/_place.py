"""
Where a file lies, and whether it is still there.

SQLite's log needs memory that all its processes share, so the file must
be on a disk of this machine.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Final

MOUNTS: Final = "/proc/self/mountinfo"
# Types as mountinfo has them: NFS and Amazon EFS, Windows shares, virtual
# machines' shares, and file systems of clusters.
NETWORK: Final = frozenset(
    {
        *("nfs", "nfs3", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs"),
        *("9p", "virtiofs", "vboxsf", "vmhgfs", "prl_fs", "drvfs"),
        *("afs", "beegfs", "ceph", "glusterfs", "gpfs", "lustre", "ncpfs"),
        *("fuse.ceph", "fuse.gcsfuse", "fuse.glusterfs", "fuse.grpcfuse"),
        *("fuse.mount-s3", "fuse.osxfs", "fuse.rclone", "fuse.s3fs"),
        *("fuse.sshfs", "fuse.vmhgfs-fuse"),
    }
)
# Some file systems note times in steps of two seconds.
TICK_NS: Final = 3_000_000_000
# Asked before every use, where pathlib would cost as much again.
_stat: Final = os.stat
_ESCAPED: Final = re.compile(rb"\\([0-7]{3})")


def network_type_of(path: str, mounts: str = "") -> str:
    """Return the type of the network file system, "" if it is none."""
    try:
        lines = Path(mounts or MOUNTS).read_bytes().splitlines()
    except OSError:  # not Linux
        return ""
    wanted, longest, kind = os.fsencode(path), -1, ""
    for line in lines:
        mount, _, system = line.partition(b" - ")
        fields = mount.split(b" ")
        if len(fields) < 5 or not system:  # noqa: PLR2004  # see proc(5)
            continue
        point = _ESCAPED.sub(lambda m: bytes([int(m[1], 8)]), fields[4])
        inside = wanted == point or wanted.startswith(
            point.rstrip(b"/") + b"/"
        )
        # Of two at one point the later hides the earlier.
        if inside and len(point) >= longest:
            longest = len(point)
            kind = os.fsdecode(system.split(b" ")[0])
    return kind if kind in NETWORK else ""


class Files:
    """
    The files of an open database: its own, the log, the shared memory.

    The system does not use the number of a file again that is still open,
    so that what has the same is the same.
    """

    __slots__ = (
        "_directory",
        "_found",
        "_log",
        "_main",
        "_shared",
        "_unchanged",
    )

    def __init__(self, path: str) -> None:
        """Take note of what is at *path* now."""
        self._main, self._log = path, path + "-wal"
        self._shared = path + "-shm"
        self._directory = os.path.dirname(path)  # noqa: PTH120  # as below
        self._found = self._now()
        # The directory as it was when they were there; none yet.
        self._unchanged = (0, 0)

    def are_there(self) -> bool:
        """
        Return whether all are still what was noted.

        No file comes or goes, but its directory notes the time. So one
        look there is enough, unless that was a moment ago: of two changes
        within a tick of the file system only one can be told.
        """
        try:
            directory = _stat(self._directory)
        except OSError:
            return False
        changed_at_ns = directory.st_mtime_ns
        now = (directory.st_ino, changed_at_ns)
        if now == self._unchanged:
            return True
        are_there = self._found == self._now()
        # The system's own clock: the file system has set its time by it.
        if are_there and time.time_ns() - changed_at_ns > TICK_NS:
            self._unchanged = now
        return are_there

    def has_moved(self) -> bool:
        """Return whether the file itself is another one, or none."""
        return self._found[:2] != self._now()[:2]

    def has_second_log(self) -> bool:
        """Return whether others may use this file with another log."""
        was, now = self._found, self._now()
        return was[:2] == now[:2] and was != now and now[2:4] != (0, 0)

    def _now(self) -> tuple[int, ...]:
        try:
            main, log = _stat(self._main), _stat(self._log)
            shared = _stat(self._shared)
        except OSError:
            return tuple(
                number
                for path in (self._main, self._log, self._shared)
                for number in _numbers(path)
            )
        return (
            *(main.st_dev, main.st_ino),
            *(log.st_dev, log.st_ino),
            *(shared.st_dev, shared.st_ino),
        )


def _numbers(path: str) -> tuple[int, int]:
    try:
        found = _stat(path)
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino
