"""The data folder's location, its folders, and the lock that allows one engine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from core.engine.engine import Engine
from core.engine.ipc.client import IpcClient
from core.infra.config import write_setting
from core.infra.credentials_file import CredentialsFile, CredentialsFileLocked
from core.infra.home import Holder, Home, HomeInUse, HomeLock, HomeUnusable, find_home, write_atomically
from core.model.settings import Settings
from core.model.time import SHANGHAI

ROOT = Path(__file__).parents[2]
SINCE = datetime(2026, 5, 15, 9, 20, 1, tzinfo=SHANGHAI)
HOLD = """
import sys
from datetime import datetime
from pathlib import Path
from core.infra.home import Home, HomeLock
lock = HomeLock(Home(Path(sys.argv[1]))).acquire("paper", datetime.fromisoformat(sys.argv[2]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


@contextmanager
def another_engine(home: Home) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home.path), SINCE.isoformat()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


class TestPlace:
    def test_the_option_comes_first(self, tmp_path: Path) -> None:
        (tmp_path / "config.toml").touch()
        assert find_home(Path("a"), {"ROTOR_HOME": "b"}, tmp_path) == tmp_path / "a"
        assert find_home(tmp_path / "c", {}, tmp_path) == tmp_path / "c"

    def test_the_variable_comes_second(self, tmp_path: Path) -> None:
        (tmp_path / "config.toml").touch()
        assert find_home(None, {"ROTOR_HOME": "b"}, tmp_path) == tmp_path / "b"

    def test_a_working_directory_with_a_config_comes_third(self, tmp_path: Path) -> None:
        (tmp_path / "config.toml").touch()
        assert find_home(None, {"ROTOR_HOME": ""}, tmp_path) == tmp_path

    def test_the_user_s_folder_is_the_default(self, tmp_path: Path) -> None:
        place = find_home(None, {}, tmp_path)
        assert place.is_absolute()
        assert (place.name, place != tmp_path) == ("rotor", True)


class TestFolders:
    def test_paths_of_the_data_folder(self, home: Home) -> None:
        assert home.config_file == home.path / "config.toml"
        assert home.database == home.path / "data" / "app.db"
        assert home.paper_database == home.path / "data" / "paper.db"
        assert home.data.is_dir()
        assert home.logs.is_dir()

    def test_preparing_again_changes_nothing(self, home: Home) -> None:
        home.database.touch()
        home.prepare()
        assert [path.name for path in home.data.iterdir()] == ["app.db"]

    @pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
    def test_folders_are_private_to_the_user(self, home: Home) -> None:
        assert [path.stat().st_mode & 0o777 for path in (home.path, home.data, home.logs)] == [0o700] * 3

    def test_a_folder_that_cannot_be_written_is_reported(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(HomeUnusable, match=r"cannot be used as home: .*--home or ROTOR_HOME"):
            Home(tmp_path / "file" / "home").prepare()

    def test_an_atomic_write_leaves_no_other_file(self, tmp_path: Path) -> None:
        for text in ("一\n", "二\r\n"):
            write_atomically(tmp_path / "a", text)
            assert (tmp_path / "a").read_bytes() == text.encode("utf-8")
        assert [path.name for path in tmp_path.iterdir()] == ["a"]


class TestLock:
    def test_a_second_engine_is_refused_with_the_process_that_runs(self, home: Home) -> None:
        with another_engine(home) as other:
            assert HomeLock(home).holder() == Holder(other.pid, SINCE, "paper")
            with pytest.raises(HomeInUse) as refused:
                HomeLock(home).acquire("live", SINCE)
            assert f"process {other.pid}, since 2026-05-15 09:20:01, in paper mode" in str(refused.value)
            assert HomeLock(home).holder() == Holder(other.pid, SINCE, "paper")

    def test_a_killed_engine_releases_the_lock(self, home: Home) -> None:
        with another_engine(home) as other:
            other.kill()
            other.wait()
        assert (home.data / "engine.json").exists()
        assert HomeLock(home).holder() is None
        with HomeLock(home).acquire("live", SINCE) as lock:
            assert lock.holder() == Holder(os.getpid(), SINCE, "live")

    def test_a_released_lock_can_be_taken(self, home: Home) -> None:
        lock = HomeLock(home).acquire("paper", SINCE)
        with pytest.raises(HomeInUse, match=f"process {os.getpid()}"):
            HomeLock(home).acquire("paper", SINCE)
        lock.release()
        lock.release()
        assert HomeLock(home).holder() is None
        HomeLock(home).acquire("paper", SINCE).release()

    def test_checking_the_lock_does_not_take_it(self, home: Home) -> None:
        with another_engine(home):
            for _ in range(20):
                assert HomeLock(home).holder() is not None

    @pytest.mark.parametrize("left", ["", "{", '{"pid": "x"}', "[]", '{"pid": 1}'])
    def test_an_invalid_owner_file_beside_the_lock_is_harmless(self, home: Home, left: str) -> None:
        note = home.data / "engine.json"
        note.write_text(left, encoding="utf-8")
        assert HomeLock(home).holder() is None
        with HomeLock(home).acquire("paper", SINCE):
            note.write_text(left, encoding="utf-8")
            with pytest.raises(HomeInUse, match="a process that did not leave its number"):
                HomeLock(home).acquire("paper", SINCE)

    def test_a_missing_data_folder_has_no_running_engine(self, tmp_path: Path) -> None:
        assert HomeLock(Home(tmp_path / "none")).holder() is None
        assert not (tmp_path / "none").exists()


def _link(path: Path) -> None:
    path.symlink_to(path.with_name("victim"))


IMPOSTORS = {"link": _link, "folder": Path.mkdir, "pipe": getattr(os, "mkfifo", None)}


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
@pytest.mark.parametrize("impostor", IMPOSTORS)
class TestOwnFiles:
    @pytest.fixture(autouse=True)
    def victim(self, home: Home) -> Iterator[Path]:
        victim = home.data / "victim"
        victim.write_text("precious", encoding="utf-8")
        yield victim
        assert victim.read_text(encoding="utf-8") == "precious"

    @pytest.mark.parametrize("name", ["engine.lock", "engine.json", "door.json"])
    def test_an_engine_says_what_stands_in_the_place_of_its_file(self, home: Home, impostor: str, name: str) -> None:
        IMPOSTORS[impostor](home.data / name)
        engine = Engine(home, Settings())
        with pytest.raises(HomeUnusable, match=f"{name} is a link, a folder or a pipe"):
            engine.start()
        assert not engine.alive

    def test_passwords_are_not_written_there(self, home: Home, impostor: str) -> None:
        IMPOSTORS[impostor](home.credentials_file)
        with pytest.raises(CredentialsFileLocked, match="link, a folder or a pipe"):
            CredentialsFile(home.credentials_file).unlock(SecretStr("correct horse"))

    def test_a_viewer_does_not_wait_for_a_pipe(self, home: Home, impostor: str) -> None:
        IMPOSTORS[impostor](home.endpoint)
        link = IpcClient(home)
        assert not link.open(0.2)
        link.close()


@pytest.mark.skipif(os.name != "posix", reason="links of POSIX")
def test_settings_may_live_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.toml").touch()
    (tmp_path / "config.toml").symlink_to(tmp_path / "elsewhere.toml")
    write_setting(tmp_path, {"mode": "paper"})
    assert (tmp_path / "config.toml").is_symlink()
    assert "paper" in (tmp_path / "elsewhere.toml").read_text(encoding="utf-8")
