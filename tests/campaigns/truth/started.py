"""What threads and child processes of a step read."""

from __future__ import annotations

from tests.campaigns.truth.case import Case, measuring

_TEXT = "write('a.txt', str(N))"
_CAT = "subprocess.run(['cat', {}], capture_output=True, text=True).stdout"
_TOP = """
import asyncio, multiprocessing, os, subprocess, threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor


def read(name):
    return open(name).read()


def fill(found):
    found.append(read("a.txt"))


async def read_later():
    return await asyncio.to_thread(read, "a.txt")
"""


def _case(name: str, expression: str, options: str = "", unseen: str = "") -> Case:
    files = {"steps.py": measuring(expression, _TOP, options)}
    return Case(kind="started", name=name, files=files, made=_TEXT, unseen=unseen)


_CHILD = "a child process reads; it is said, and to be declared"

CASES = [
    _case("a thread", "found = []\nthread = threading.Thread(target=fill, args=[found])\n"
          "thread.start(); thread.join()\nreturn found[0]"),
    _case("a pool of threads", "list(ThreadPoolExecutor(2).map(read, ['a.txt', 'a.txt']))"),
    _case("asyncio", "asyncio.run(read_later())"),
    _case("a child process, declared", f"name = ctx.reads(ctx.path('a.txt'))\n"
          f"return {_CAT.format('name')}", "*, ctx"),
    _case("a pool of processes, declared",
          "with multiprocessing.get_context('fork').Pool(1) as pool:\n"
          "    return pool.map(read, [ctx.reads('a.txt')])[0]", "*, ctx"),
    _case("a child process's input", "subprocess.run(['cat'], stdin=open('a.txt'), "
          "capture_output=True, text=True).stdout"),
    _case("a child process, not declared", f"return {_CAT.format(repr('a.txt'))}", unseen=_CHILD),
    _case("os.popen, not declared", "os.popen('cat a.txt').read()", unseen=_CHILD),
    Case(
        kind="started", name="a program that is run by its path", made=(
            "write('tool.sh', f'#!/bin/sh\\necho {N}\\n')\nos.chmod('tool.sh', 0o700)"),
        files={"steps.py": measuring(
            "subprocess.run(['sh', ctx.reads(ctx.path('tool.sh'))], capture_output=True).stdout"
            ".decode()", _TOP, "*, ctx")},
    ),
]  # fmt: skip
