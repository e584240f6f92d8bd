"""A run directory as one file, for the supplement of a paper."""

from __future__ import annotations

import time
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from seqexp.store.run_dir import MANIFEST, StoredRun, listed_files


def write_archive(run: StoredRun, path: Path) -> None:
    """Pack the files of a run's manifest, and the manifest itself, below a folder of the run's name.

    The same run gives the same bytes. Where MLflow shows it is left out: that belongs to one machine.
    """
    ended = time.gmtime(max(run.record.ended, 315_532_800))[:6]  # a ZIP knows no time before 1980
    with ZipFile(path, "w") as archive:
        for name in [*sorted(listed_files(run.path)), MANIFEST]:
            entry = ZipInfo(f"{run.path.name}/{name}", ended)
            entry.compress_type, entry.external_attr = ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, (run.path / name).read_bytes())
