"""Builds what users install and tries it without the source: `python .ci/packages.py [wheel|folder]`.

wheel: the wheel, installed by pipx, by uv, and beside another distribution with a top-level `core`. folder: the
one-folder build by PyInstaller. Without an argument, both. The results are in dist, the rest in a scratch folder.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import venv
import zipfile
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
BIN = "Scripts" if os.name == "nt" else "bin"
EXE = ".exe" if os.name == "nt" else ""


def main() -> None:
    wanted = sys.argv[1:] or ["wheel", "folder"]
    with tempfile.TemporaryDirectory(prefix="rotor-packages-", ignore_cleanup_errors=True) as folder:
        scratch = Path(folder)
        tools = make_environment(scratch / "tools")
        wheel = build_wheel(tools)
        if "wheel" in wanted:
            try_program("pipx", install_with_pipx(tools, wheel, scratch), scratch)
            try_program("uv", install_with_uv(tools, wheel, scratch), scratch)
            try_beside_another_core(wheel, scratch)
        if "folder" in wanted:
            try_program("the one-folder build", build_folder(wheel, scratch), scratch)


def build_wheel(tools: Path) -> Path:
    install(tools, "build")
    shutil.rmtree(DIST, ignore_errors=True)
    run([python_of(tools), "-m", "build", "--wheel", "--outdir", DIST, ROOT])
    (wheel,) = DIST.glob("*.whl")
    say(f"built {wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB")
    return wheel


def install_with_pipx(tools: Path, wheel: Path, scratch: Path) -> Path:
    install(tools, "pipx")
    places = {"PIPX_HOME": str(scratch / "pipx"), "PIPX_BIN_DIR": str(scratch / "pipx-bin")}
    run([python_of(tools), "-m", "pipx", "install", "--quiet", wheel], places)
    return scratch / "pipx-bin" / f"rotor{EXE}"


def install_with_uv(tools: Path, wheel: Path, scratch: Path) -> Path:
    install(tools, "uv")
    places = {"UV_TOOL_DIR": str(scratch / "uv"), "UV_TOOL_BIN_DIR": str(scratch / "uv-bin")}
    run([tools / BIN / f"uv{EXE}", "tool", "install", "--quiet", "--python", sys.executable, wheel], places)
    return scratch / "uv-bin" / f"rotor{EXE}"


def try_beside_another_core(wheel: Path, scratch: Path) -> None:
    """A second distribution that ships a top-level `core` comes and goes: ours works at each step."""
    environment, place = make_environment(scratch / "beside"), scratch / "beside-home"
    place.mkdir()
    install(environment, wheel)
    other = scratch / "other_core-1.0-py3-none-any.whl"
    with zipfile.ZipFile(other, "w") as archive:
        about = "other_core-1.0.dist-info"
        archive.writestr("core/__init__.py", "raise ImportError('this is the other core')\n")
        archive.writestr("core/infra/__init__.py", "")
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: other-core\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        files = [*archive.namelist(), f"{about}/RECORD"]
        archive.writestr(f"{about}/RECORD", "".join(f"{name},,\n" for name in files))
    program = environment / BIN / f"rotor{EXE}"
    for step in ("alone", "beside another core", "after that one was removed"):
        if step.startswith("beside"):
            install(environment, other)
        elif step.startswith("after"):
            run([python_of(environment), "-m", "pip", "uninstall", "--quiet", "--yes", "other-core"])
        version = run_rotor(step, program, place, "--version")
        assert json.loads(run_rotor(step, program, place, "--home", place / "home", "plan", "--json"))["legs"]
        table_of(program, place)
        say(f"{step}: {version.strip()} plans")


def build_folder(wheel: Path, scratch: Path) -> Path:
    """The build is made from the wheel, so that it holds what a wheel holds."""
    builder = make_environment(scratch / "builder")
    install(builder, f"{wheel}[freeze]")
    work = ["--workpath", scratch / "work", "--distpath", DIST, "--noconfirm", "--log-level", "ERROR"]
    run([python_of(builder), "-m", "PyInstaller", *work, ROOT / ".ci" / "rotor.spec"])
    folder = DIST / "rotor"
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    say(f"built {folder}: {size / 1e6:.0f} MB")
    # Tried away from the source and from the environment that built it.
    away = scratch / "away"
    shutil.copytree(folder, away, symlinks=True)
    shutil.rmtree(builder)
    return away / f"rotor{EXE}"


def try_program(name: str, program: Path, scratch: Path) -> None:
    """Do what a user does first, and what a build breaks most easily."""
    place = Path(tempfile.mkdtemp(dir=scratch))
    home = place / "home"

    def rotor(*words: str, codes: tuple[int, ...] = (0,)) -> str:
        return run_rotor(name, program, place, "--home", home, *words, codes=codes)

    version = rotor("--version").split()[-1]
    assert "plan" in rotor("--help")
    assert "Register-ArgumentCompleter" in rotor("completion", "powershell")
    rotor("config", "init")
    assert "ok" in rotor("config", "check")
    assert json.loads(rotor("doctor", "--json"))["worst"] in {"ok", "note", "warning"}
    plan = json.loads(rotor("plan", "--json"))
    assert plan["legs"], plan
    rebalanced = json.loads(rotor("rebalance", "--yes", "--json", codes=(0, 1)))  # 1: not every leg found a seller
    assert not rebalanced["unresolved"]
    assert json.loads(rotor("rehearse", "--to", "2024-06-30", "--json"))["violations"] == []
    pushed = try_push(rotor)
    akshare = table_of(program, place)
    screens = "not tried: no pty here" if os.name == "nt" else try_screen(program, place)
    say(f"{name}: rotor {version}: plan with {len(plan['legs'])} legs, {pushed}, {akshare}, {screens}")


def run_rotor(name: str, program: Path, place: Path, *arguments: object, codes: tuple[int, ...] = (0,)) -> str:
    command = [str(program), *map(str, arguments)]
    done = subprocess.run(
        command, cwd=place, env=bare_environment(), capture_output=True, encoding="utf-8", timeout=300
    )
    if done.returncode not in codes:
        raise SystemExit(f"{name}: {' '.join(command)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def try_push(rotor: Callable[..., str]) -> str:
    """Apprise finds its services by name: does it here?"""
    received: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    rotor("config", "set", "notify.urls", f'["json://127.0.0.1:{server.server_port}/"]')
    rotor("notify", "test")
    rotor("config", "set", "notify.urls", "[]")
    server.shutdown()
    assert len(received) == 1
    return "push sent"


def table_of(program: Path, place: Path) -> str:
    """akshare is imported in its own process; without a network it must get as far as a network error."""
    command = [str(program), "akshare-table", "bond_cb_redeem_jsl"]
    environment = {**bare_environment(), "HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, encoding="utf-8", timeout=300)
    answer = json.loads((done.stdout.strip() or '{"error": "no output"}').splitlines()[-1])
    # The class of the error in brackets: akshare loaded, and requests failed to connect.
    if "Error)" not in str(answer.get("error", "")):
        raise SystemExit(f"akshare did not get as far as the network: {answer} {done.stderr}")
    return "akshare runs"


def try_screen(program: Path, place: Path) -> str:
    """Start the demo in a pseudo terminal, wait for the header, quit with q and y."""
    import pty
    import select
    import time

    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(place)
        environment = {**bare_environment(), "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
        os.execve(program, [str(program), "demo"], environment)
    seen, deadline, asked = b"", time.monotonic() + 60, False
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                seen += os.read(terminal, 65536)
            except OSError:
                break
        if not asked and b"SANDBOX" in seen and b"Home" in seen:
            asked = True
            time.sleep(1)
            os.write(terminal, b"q")
            time.sleep(1)
            os.write(terminal, b"y")
    _, status = os.waitpid(pid, 0)
    if not asked or os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"the demo did not come up, or did not end well ({status}): {seen[-2000:]!r}")
    return "the demo came up and ended"


def make_environment(folder: Path) -> Path:
    venv.create(folder, with_pip=True)
    return folder


def install(environment: Path, *what: object) -> None:
    run([python_of(environment), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what])


def python_of(environment: Path) -> Path:
    return environment / BIN / f"python{EXE}"


def run(command: Sequence[object], more: dict[str, str] | None = None) -> None:
    subprocess.run([str(word) for word in command], check=True, env={**os.environ, **(more or {})}, cwd=ROOT.parent)


def bare_environment() -> dict[str, str]:
    """The environment without Python's and rotor's own variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ROTOR_", "VIRTUAL_"))}
    return {**kept, "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  (this is its output)


if __name__ == "__main__":
    main()
