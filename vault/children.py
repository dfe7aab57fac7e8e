"""Processes that look into strangers' files: they are handed no file, and ask for the bytes they want to see.

The program confines itself, prints "ready" and a new line, and then its answer.
"""

import json
import logging
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

log = logging.getLogger(__name__)

# What a child asks for: a place and how many bytes; the answer begins with how many come.
QUESTION, ANSWER = struct.Struct("!QI"), struct.Struct("!I")
MAXIMUM_ANSWER = 1024 * 1024
# How a child ends that took more than it was given.
OVER_ITS_LIMITS = frozenset({-signal.SIGXCPU, -signal.SIGKILL})


class ChildUnavailable(Exception):
    """The process could not be started, or did not get ready."""


class ChildTooSlow(Exception):
    """The process was not done in time and was ended."""


def ask(program: Path, file: BinaryIO, limits: dict[str, Any], *, seconds: float) -> tuple[bytes, int]:
    """Let a program look into a seekable file; return what it printed after "ready", and its exit code.

    `limits` reach it as JSON, with the size of the file in bytes. Raises `ChildUnavailable` and `ChildTooSlow`.
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
                output, _errors = child.communicate(timeout=max(0.1, deadline - time.monotonic()))
            except (TimeoutError, subprocess.TimeoutExpired) as error:
                raise ChildTooSlow from error
            finally:
                # Whatever happened, nobody goes on looking into the file.
                child.kill()
    ready, _line, answer = output.partition(b"\n")
    if ready != b"ready":
        raise ChildUnavailable("The process did not get ready.")
    return answer, child.returncode


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
        connection.settimeout(max(0.01, deadline - time.monotonic()))
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
