"""Builds what users install, and tries it on a machine without the source: `python .ci/packages.py [wheel|folder]`.

wheel: the wheel, installed by pipx and by uv into folders of their own. folder: the one-folder build by PyInstaller
(dist/rotor). Without a word, both. Everything is made in a scratch folder, but what is in dist.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import venv
from collections.abc import Sequence
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


def build_folder(wheel: Path, scratch: Path) -> Path:
    """The build is made from the wheel, so that it holds what a wheel holds."""
    builder = make_environment(scratch / "builder")
    install(builder, f"{wheel}[freeze]")
    work = ["--workpath", scratch / "work", "--distpath", DIST, "--noconfirm", "--log-level", "ERROR"]
    run([python_of(builder), "-m", "PyInstaller", *work, ROOT / ".ci" / "rotor.spec"])
    folder = DIST / "rotor"
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    say(f"built {folder}: {size / 1e6:.0f} MB")
    # Tried where neither the source nor the environment that built it is near.
    away = scratch / "away"
    shutil.copytree(folder, away, symlinks=True)
    shutil.rmtree(builder)
    return away / f"rotor{EXE}"


def try_program(name: str, program: Path, scratch: Path) -> None:
    """What a user does first, and what a build loses most easily."""
    place = Path(tempfile.mkdtemp(dir=scratch))
    home = place / "home"

    def rotor(*words: str, codes: tuple[int, ...] = (0,)) -> str:
        done = subprocess.run(
            [str(program), "--home", str(home), *words],
            cwd=place,
            env=bare_environment(),
            capture_output=True,
            encoding="utf-8",
            timeout=300,
        )
        if done.returncode not in codes:
            raise SystemExit(
                f"{name}: rotor {' '.join(words)} ended with {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done.stdout

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
    pushed = try_push(rotor, home)
    akshare = table_of(program, place)
    screens = "not tried: no pty here" if os.name == "nt" else try_screen(program, place)
    say(f"{name}: rotor {version}: plan with {len(plan['legs'])} legs, {pushed}, {akshare}, {screens}")


def try_push(rotor, home: Path) -> str:  # noqa: ANN001  (a function of this file)
    """Apprise finds its services by name: whether it does here."""
    heard: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    rotor("config", "set", "notify.urls", f'["json://127.0.0.1:{server.server_port}/"]')
    rotor("notify", "test")
    rotor("config", "set", "notify.urls", "[]")
    server.shutdown()
    assert len(heard) == 1
    return "push sent"


def table_of(program: Path, place: Path) -> str:
    """akshare is imported in a process of its own; without the network its answer is an error of the network."""
    real = program.resolve()
    command = (
        [str(program), "akshare-table", "bond_cb_redeem_jsl"]
        if (real.parent / "_internal").is_dir()
        else [str(real.parent / f"python{EXE}"), "-P", "-m", "core.akshare.child", "bond_cb_redeem_jsl"]
    )
    environment = {**bare_environment(), "HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, encoding="utf-8", timeout=300)
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    if "was not reached" not in str(answer.get("error", "")):
        raise SystemExit(f"akshare did not get as far as the network: {answer}")
    return "akshare runs"


def try_screen(program: Path, place: Path) -> str:
    """The demo in a pseudo terminal: to the header, and out with q and y."""
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


# -- small change


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
    """Nothing of this machine's Python, and nothing of rotor's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ROTOR_", "VIRTUAL_"))}
    return {**kept, "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  (this is its output)


if __name__ == "__main__":
    main()
