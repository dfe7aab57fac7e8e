"""Processes that look into strangers' files: they are handed no file, and ask for the bytes they want to see.

The program confines itself, prints "ready" and a new line, and then its answer. Of that no more is read than was asked
for: a stranger's file may have taken the program over.
"""

import json
import logging
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

log = logging.getLogger(__name__)

# What a child asks for: a place and how many bytes; the answer begins with how many come.
QUESTION, ANSWER = struct.Struct("!QI"), struct.Struct("!I")
MAXIMUM_ANSWER = 1024 * 1024
# Of what it prints: how much is taken at once, and how long its first word may be.
PIECE, LONGEST_GREETING = 64 * 1024, 20
# How a child ends that took more than it was given.
OVER_ITS_LIMITS = frozenset({-signal.SIGXCPU, -signal.SIGKILL})


class ChildUnavailable(Exception):
    """The process could not be started, or did not get ready."""


class ChildTooSlow(Exception):
    """The process was not done in time and was ended."""


class ChildTooLoud(Exception):
    """The process printed more than an answer has, and was ended."""


class Answer:
    """What a process prints, piece by piece."""

    def __init__(self, descriptor: int, deadline: float) -> None:
        self._descriptor, self._deadline, self._kept = descriptor, deadline, b""
        os.set_blocking(descriptor, False)

    def read(self, count: int) -> bytes:
        """Return so many bytes, fewer at the end of the answer. Raises ChildTooSlow."""
        pieces, missing = [], count
        while missing > 0 and (piece := self._take(missing)):
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def line(self, longest: int) -> bytes:
        """Return the next line without its end. Raises ChildTooLoud for one of more bytes, and ChildTooSlow."""
        line = bytearray()
        while b"\n" not in line and (piece := self._take(PIECE)):
            line += piece
            if len(line) - len(piece) > longest:
                raise ChildTooLoud
        found, _end, rest = bytes(line).partition(b"\n")
        self._kept = rest + self._kept
        if len(found) > longest:
            raise ChildTooLoud
        return found

    def _take(self, most: int) -> bytes:
        """Return some bytes, none at the end of the answer."""
        if self._kept:
            piece, self._kept = self._kept[:most], self._kept[most:]
            return piece
        waiting = select.poll()
        waiting.register(self._descriptor, select.POLLIN)
        left = self._deadline - time.monotonic()
        if left <= 0 or not waiting.poll(left * 1000):
            raise ChildTooSlow
        return os.read(self._descriptor, min(most, PIECE))


Found = TypeVar("Found")


def ask(
    program: Path, file: BinaryIO, limits: dict[str, Any], read: Callable[[Answer], Found], *, seconds: float
) -> tuple[Found, int]:
    """Let a program look into a seekable file; return what `read` makes of its answer, and its exit code.

    `limits` reach it as JSON, with the size of the file in bytes. Raises `ChildUnavailable`, `ChildTooSlow`,
    `ChildTooLoud` where `read` leaves something of the answer, and what `read` raises.
    """
    deadline = time.monotonic() + seconds
    size = file.seek(0, os.SEEK_END)
    ours, theirs = socket.socketpair()
    with ours:
        try:
            with theirs:
                child = _start(program, theirs.fileno())
        except OSError as error:
            raise ChildUnavailable("The process could not be started.") from error
        with child:
            try:
                _tell(child, {**limits, "size": size})
                _serve(ours, file, deadline)
                found = _listen(child, read, deadline)
                child.wait(max(0.1, deadline - time.monotonic()))
            except (TimeoutError, subprocess.TimeoutExpired) as error:
                raise ChildTooSlow from error
            finally:
                # Whatever happened, nobody goes on looking into the file.
                child.kill()
    return found, child.returncode


def _listen(child: "subprocess.Popen[bytes]", read: Callable[[Answer], Found], deadline: float) -> Found:
    """Return what `read` makes of all that a child prints after "ready"."""
    if child.stdout is None:
        raise ChildUnavailable("The process has no voice.")
    answer = Answer(child.stdout.fileno(), deadline)
    if answer.line(LONGEST_GREETING) != b"ready":
        raise ChildUnavailable("The process did not get ready.")
    found = read(answer)
    if answer.read(1):
        raise ChildTooLoud
    return found


def _start(program: Path, descriptor: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-I", str(program), str(descriptor)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=[descriptor],
        env={"LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1"},
        cwd="/",
    )


def _tell(child: "subprocess.Popen[bytes]", limits: dict[str, Any]) -> None:
    """Give the child its limits; one that did not start is found out by its silence."""
    if child.stdin is None:
        return
    try:
        child.stdin.write(json.dumps(limits).encode())
        child.stdin.close()
    except BrokenPipeError:
        log.warning("The process ended before it was told its limits.")
    child.stdin = None


def _serve(connection: socket.socket, file: BinaryIO, deadline: float) -> None:
    """Answer the child's questions for bytes of the file until it asks no more; raises TimeoutError."""
    while question := _exactly(connection, QUESTION.size, deadline):
        offset, length = QUESTION.unpack(question)
        file.seek(offset)
        piece = _read_fully(file, min(length, MAXIMUM_ANSWER))
        try:
            connection.sendall(ANSWER.pack(len(piece)) + piece)
        except (BrokenPipeError, ConnectionResetError):
            return


def _exactly(connection: socket.socket, count: int, deadline: float) -> bytes:
    """Return so many bytes of a connection; nothing once the other side has ended."""
    received = b""
    while len(received) < count:
        left = deadline - time.monotonic()
        if left <= 0:
            # One that always asks for more would never be late.
            raise TimeoutError
        connection.settimeout(left)
        try:
            piece = connection.recv(count - len(received))
        except ConnectionResetError:
            return b""
        if not piece:
            return b""
        received += piece
    return received


def _read_fully(file: BinaryIO, count: int) -> bytes:
    """Return so many bytes, fewer at the end of the file."""
    pieces = []
    while count > 0 and (piece := file.read(count)):
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)
