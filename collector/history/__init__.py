"""Bulk history: Parquet and CSV files of a user's own or somebody's archive, into the warehouse."""

from collector.history.files import HistoryFileError
from collector.history.kinds import KINDS, Kind
from collector.history.load import FileReport, RefusedRow, load_file

__all__ = ["KINDS", "FileReport", "HistoryFileError", "Kind", "RefusedRow", "load_file"]
