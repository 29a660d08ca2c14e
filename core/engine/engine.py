"""The engine in a thread of its own: snapshots out, commands in."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar, cast

from core.engine.ipc.link import SnapshotSource
from core.i18n import say
from core.infra.clock import RealClock
from core.infra.home import Home, HomeLock, HomeUnusable, check_own
from core.model.command import Command, Done, EndEngine, Failed, Reply
from core.model.errors import SetupError
from core.model.quote import SessionPhase
from core.model.settings import Settings
from core.model.snapshot import BlockKind, BlockReason, Snapshot
from core.model.time import SHANGHAI
from core.sandbox.dialects import Dialect

if TYPE_CHECKING:
    from core.engine.assembly import Components
    from core.engine.runtime import EngineRuntime

log = logging.getLogger(__name__)

T = TypeVar("T")


_ANSWER_SECONDS = 0.3
"""Seconds in which the viewer that stops the engine gets its answer."""


class EngineFailed(SetupError):
    """The engine could not start; the message says why and what to do. `refused`: on purpose, and nothing was sent."""

    def __init__(self, text: str, *, refused: bool = False) -> None:
        super().__init__(text)
        self.refused = refused


class Engine(SnapshotSource):
    """An `EngineLink` to an engine in this process. It locks the data folder from `start` to `stop`.

    Of the sandbox: `speed`, in market seconds per second, and the `dialects` of its platform. `stderr`: the log goes
    there too. `by_itself`: run the schedule and the stops; otherwise orders are sent by commands only.
    `viewer_may_end`: it has no screen of its own, so that a viewer may end it.
    """

    def __init__(
        self,
        home: Home,
        settings: Settings,
        *,
        speed: float = 1.0,
        dialects: Collection[Dialect] = (),
        stderr: bool = False,
        by_itself: bool = True,
        viewer_may_end: bool = False,
    ) -> None:
        super().__init__()
        self._home = home
        self._settings = settings
        self._speed = speed
        self._dialects = dialects
        self._stderr = stderr
        self._by_itself = by_itself
        self.viewer_may_end = viewer_may_end
        self._since = ""
        self._lock = HomeLock(home)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._runtime: EngineRuntime | None = None
        self._looping = threading.Event()
        self._ready = threading.Event()
        self._failure: str | None = None
        self._refused = False
        self._thread = threading.Thread(target=self._run, name="rotor-engine", daemon=True)

    def start(self) -> None:
        """Lock the data folder and start the thread; returns before the components are built.

        Raises `HomeInUse`, `HomeUnusable`.
        """
        self._home.prepare()
        since = datetime.now(SHANGHAI)
        self._since = since.isoformat(timespec="seconds")
        check_own(self._home.endpoint)
        self._lock.acquire(self._settings.mode, since)
        self._home.endpoint.unlink(missing_ok=True)  # left over from a crash
        self._thread.start()
        self._looping.wait()

    def wait_ready(self, seconds: float = 60.0) -> None:
        """Wait for the first reading of the account. Raises `EngineFailed`."""
        if not self._ready.wait(seconds):
            raise EngineFailed(
                say(
                    "the engine did not come up within {seconds:.0f} s: see the log in {logs}",
                    seconds=seconds,
                    logs=self._home.logs,
                )
            )
        if self._failure is not None:
            raise EngineFailed(self._failure, refused=self._refused)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def failure(self) -> str | None:
        """Why the engine could not start or has ended; None while it runs."""
        return self._failure

    def stop(self, seconds: float = 10.0) -> None:
        """Stop in order: nothing new is sent, the databases are closed, the data folder is unlocked."""
        if self._loop is not None and self._stopping is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(seconds)
        if not self._thread.is_alive():  # otherwise it stays locked: the engine may still trade
            self._lock.release()

    def send(self, command: Command[T]) -> "Future[Reply[T]]":
        if self._loop is None or not self._thread.is_alive():
            answered: Future[Reply[T]] = Future()
            answered.set_result(Failed(self._failure or say("the engine has ended")))
            return answered
        return asyncio.run_coroutine_threadsafe(self._reply_to(command), self._loop)

    @property
    def trouble(self) -> str | None:
        """None: an engine in this process can always be reached."""
        return None

    def _pulse(self) -> tuple[float, str]:
        """Seconds since the last check, and the newest event; called from any thread."""
        runtime = self._runtime
        return (0.0, say("it starts")) if runtime is None else (time.monotonic() - runtime.checked_at, runtime.doing)

    def _stop_for_viewer(self) -> Reply[None]:
        if not self.viewer_may_end or self._stopping is None:
            told = say("this engine runs in the app of process {pid}: leave the app there (q)", pid=os.getpid())
            return Failed(told, refused=True)
        log.info("a viewer ends the engine")
        # Later: the IPC server stops too, and must send the answer before.
        asyncio.get_running_loop().call_later(_ANSWER_SECONDS, self._stopping.set)
        return Done(None)

    async def _reply_to(self, command: Command[T]) -> Reply[T]:
        if isinstance(command, EndEngine):
            return cast("Reply[T]", self._stop_for_viewer())
        if self._runtime is None:
            return Failed(say("the engine is still starting: try again in a moment"))
        try:
            return await self._runtime.handlers.answer(command)
        except asyncio.CancelledError:
            return Failed(say("the engine ended before this was done"))

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except EngineFailed as error:
            self._refused = error.refused
            self._fail(str(error))
        except Exception as error:
            log.exception("the engine ended")
            self._fail(
                say(
                    "the engine ended: {error}. Nothing more is sent; see the log in {folder}",
                    error=error,
                    folder=self._home.logs,
                )
            )
        finally:
            self._looping.set()
            self._ready.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        # Windows' timers each hold a thread of this pool; the default of a few would starve everything else.
        self._loop.set_default_executor(ThreadPoolExecutor(64, thread_name_prefix="rotor"))
        self._stopping = asyncio.Event()
        self._looping.set()
        components = self._build()
        # Imported here: they take longer than the first paint of the screen should wait.
        from core.engine.ipc.server import IpcServer
        from core.engine.runtime import EngineRuntime
        from core.infra.logs import Logs

        async with AsyncExitStack() as stack:
            stack.callback(Logs(self._home, components.clock, self._stderr).close)
            stack.push_async_callback(components.close)
            self._runtime = EngineRuntime(components, self._home, self._publish, by_itself=self._by_itself)
            stack.push_async_callback(self._runtime.close)
            await self._runtime.open()
            if self._by_itself:
                server = IpcServer(self._home, self, self._since, self._pulse)
                server.open()
                stack.callback(server.close)
            self._ready.set()
            await self._stopping.wait()

    def _build(self) -> "Components":
        """The components; an obstacle is logged with the real time. Raises `EngineFailed`."""
        from core.engine.assembly import build
        from core.engine.live import LiveUnavailable
        from core.infra.logs import Logs

        logs = Logs(self._home, RealClock(), self._stderr)
        try:
            return build(self._home, self._settings, self._speed, self._dialects)
        except LiveUnavailable as unavailable:
            raise EngineFailed(str(unavailable), refused=True) from None
        except HomeUnusable as unusable:
            log.error("the books cannot be opened: %s", unusable)
            raise EngineFailed(say("The books cannot be opened, nothing was sent: {why}", why=unusable)) from None
        finally:
            logs.close()

    def _fail(self, text: str) -> None:
        self._failure = text
        now = datetime.now(SHANGHAI)
        shown = self.latest or Snapshot(0, now, self._settings.mode, "", SessionPhase.UNKNOWN, None, ready=False)
        self._publish(
            replace(shown, number=shown.number + 1, ready=False, blockers=(BlockReason(BlockKind.ENGINE_FAILED, text),))
        )
