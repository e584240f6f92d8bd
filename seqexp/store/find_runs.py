"""Find recorded runs: by run key, by what a user calls them, or all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from seqexp.errors import StoreError
from seqexp.store.attempts import attempt_folders, run_folders
from seqexp.store.run_dir import RECORD, StoredRun, damaged_files, read_run


def find_finished(runs: Path, name: str, run_key: str) -> StoredRun | None:
    """Return the finished attempt of a run that stands for it, of those whose files are all whole, or None."""
    found = [read_run(path) for path in attempt_folders(runs / name, run_key) if not damaged_files(path)]
    finished = [run for run in found if run.record.status == "FINISHED"]
    return max(finished, key=lambda run: run.record.standing, default=None)


def find_failed(runs: Path, name: str, run_key: str) -> StoredRun | None:
    """Return the last attempt of a run if that attempt failed, or None."""
    last = find_last(runs, name, run_key)
    return last if last is not None and last.record.status == "FAILED" else None


def find_last(runs: Path, name: str, run_key: str) -> StoredRun | None:
    """Return the last attempt of a run, however it ended, or None."""
    return max(_readable_attempts(runs, name, run_key), key=lambda run: run.record.attempt, default=None)


def _readable_attempts(runs: Path, name: str, run_key: str) -> Iterator[StoredRun]:
    for path in attempt_folders(runs / name, run_key):
        with suppress(StoreError):
            yield read_run(path)


def list_runs(runs: Path, begins: str = "") -> Iterator[StoredRun]:
    """Yield every readable run, oldest first; a damaged one is passed over (``seqexp doctor`` names it).

    Args:
        runs: The folder of run directories.
        begins: Only those whose directory's name begins so.
    """
    stored = []
    for folder in run_folders(runs):
        if folder.name.startswith(begins):
            with suppress(StoreError):
                stored.append(read_run(folder))
    yield from sorted(stored, key=lambda run: run.record.started)


def find_standing(runs: Path, name: str, run_key: str) -> StoredRun | None:
    """Return the attempt that a bare run key means (:attr:`RunRecord.standing`), however it ended, or None."""
    return max(_readable_attempts(runs, name, run_key), key=lambda run: run.record.standing, default=None)


def find_run(word: str, runs: Path, *, having: str | None = None) -> StoredRun:
    """Return the run that a word means: a directory, a run key or the beginning of one, with or without attempt.

    Of several attempts it is the one that stands for the run (:attr:`RunRecord.standing`).

    Args:
        word: What names it.
        runs: The folder of run directories.
        having: A file that it is wanted for: an attempt that has it goes before one it was taken out of, so that a
            rerun can make it again.

    Raises:
        StoreError: There is none, or more than one run key begins so.
    """
    folder = Path(word).expanduser()
    if (folder / RECORD).is_file():
        return read_run(folder)
    found = list(list_runs(runs, begins=word))
    found = [run for run in found if run.path.name == word] or found
    keys = {run.record.run_key for run in found}
    if not found:
        raise StoreError(f"There is no run {word!r} in {runs}.", mend="seqexp list runs shows what there is.")
    if len(keys) > 1:
        raise StoreError(
            f"{len(keys)} runs begin with {word!r}: {', '.join(sorted(keys)[:6])}.", mend="Give more of the key."
        )
    if having is not None:
        found = [run for run in found if (run.path / having).is_file()] or _made_again(found, runs, having) or found
    return max(found, key=lambda run: (run.record.standing, run.record.started))


def _made_again(found: list[StoredRun], runs: Path, having: str) -> list[StoredRun]:
    """Return the reruns of attempts that came out with the same weights, and have what was taken out of these."""
    weights = {run.path.name: run.record.fit.get("final_hash") for run in found}
    reruns = (run for run in list_runs(runs, begins=f"{found[0].record.run_key}-") if run.record.rerun_of in weights)
    alike = (run for run in reruns if run.record.fit.get("final_hash") == weights[run.record.rerun_of])
    return [run for run in alike if (run.path / having).is_file()]
