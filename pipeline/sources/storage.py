"""Files of object stores and web servers (fsspec), read on past throttling and lost connections.

A store answers some of many requests with `503 Slow Down`, and long transfers break. So what fails is asked for again from
the byte where it failed, after a pause that doubles; what still fails is an OSError, which the reader of the file counts.
"""

import io
import time
from collections.abc import Callable, Mapping
from typing import IO, Any, cast

Storage = Mapping[str, Any]  # options of fsspec's file system: key, secret, token, anon, requester_pays, endpoint_url, …

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)  # seconds before each further try
# Errors that the same request meets again.
FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotImplementedError, ImportError)
BUFFER = 1 << 20


def patiently(ask: Callable[[], Any]) -> Any:
    """What `ask` gives, asked again after each of PAUSES while it fails. Raises OSError in the end."""
    for pause in (*PAUSES, None):
        try:
            return ask()
        except FINAL:
            raise
        except Exception as error:  # botocore's, aiohttp's and their kin have no common parent
            if pause is None:
                raise OSError(f"failed {len(PAUSES) + 1} times: {type(error).__name__}: {error}") from error
            time.sleep(pause)
    raise AssertionError


class PatientFile(io.RawIOBase):
    """A file of fsspec's that is opened again where reading it fails."""

    def __init__(self, path: str, storage: Storage | None) -> None:
        super().__init__()
        self._path, self._storage, self._at = path, dict(storage or {}), 0
        self._file: Any = None
        patiently(self._opened)

    def _opened(self) -> Any:
        if self._file is None:
            import fsspec

            self._file = fsspec.open(self._path, "rb", **self._storage).open()
        return self._file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = patiently(lambda: self._read(len(buffer)))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _read(self, size: int) -> bytes:
        try:
            file = self._opened()
            file.seek(self._at)
            return bytes(file.read(size))
        except FINAL:
            raise
        except Exception:
            broken, self._file = self._file, None
            if broken is not None:
                broken.close()
            raise

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END:
            offset += int(patiently(self._opened).size)
        elif whence == io.SEEK_CUR:
            offset += self._at
        self._at = offset
        return offset

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        super().close()


def open_remote(path: str, storage: Storage | None) -> IO[bytes]:
    return cast("IO[bytes]", io.BufferedReader(PatientFile(path, storage), BUFFER))
