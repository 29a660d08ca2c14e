"""Settings: their sources, their problems in sentences, and how they are written back."""

import os
import tomllib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.i18n import use_language
from core.infra.config import (
    KEYS,
    SettingsError,
    init_config,
    load_settings,
    render_example,
    value_at,
    write_setting,
)
from core.infra.home import FileBusy, changing
from core.infra.settings_editor import problem_with
from core.model.addresses import is_mail_address
from core.model.settings import EmailSettings, Settings

ROOT = Path(__file__).parents[2]
Put = Callable[[str], Path]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Write a config.toml byte by byte and return its data folder."""

    def write(text: str) -> Path:
        (tmp_path / "config.toml").write_bytes(text.encode("utf-8"))
        return tmp_path

    return write


def problems(
    home: Path, overrides: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load_settings(home, overrides, environ or {})
    assert all("\n" not in line for line in caught.value.problems)
    return caught.value.problems


class TestSources:
    def test_without_a_config_file_the_defaults_apply(self, tmp_path: Path) -> None:
        settings = load_settings(tmp_path, environ={})
        assert settings == Settings()
        assert type(settings) is Settings

    def test_the_file_changes_what_it_names(self, put: Put) -> None:
        settings = load_settings(put('mode = "paper"\n[buy]\namount = 2500.5\n'), environ={})
        assert (settings.mode, settings.buy.amount, settings.buy.amount_type) == ("paper", Decimal("2500.5"), "fixed")

    def test_options_override_variables_and_variables_override_the_file(self, put: Put) -> None:
        home = put("[buy]\namount = 1\nreserve = 1\n[orders]\ntimeout = 1\n")
        environ = {"ROTOR_BUY__AMOUNT": "2", "ROTOR_BUY__RESERVE": "2"}
        settings = load_settings(home, {"buy.amount": 3}, environ)
        assert (settings.buy.amount, settings.buy.reserve, settings.orders.timeout) == (3, 2, 1)

    def test_the_process_environment_is_read_by_default(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ROTOR_MODE", "paper")
        assert load_settings(tmp_path).mode == "paper"

    def test_setting_one_part_of_a_fee_keeps_the_other(self, put: Put) -> None:
        settings = load_settings(put("[fees]\nsh = { rate = 0.0002 }\n"), environ={"ROTOR_FEES__SZ__RATE": "0.0003"})
        assert (settings.fees.sh.rate, settings.fees.sh.minimum) == (Decimal("0.0002"), Decimal("1.0"))
        assert (settings.fees.sz.rate, settings.fees.sz.minimum) == (Decimal("0.0003"), Decimal("0.1"))

    def test_lists_in_variables_are_json(self, tmp_path: Path) -> None:
        environ = {"ROTOR_QMT__SESSION_IDS": "[7, 9]", "ROTOR_NOTIFY__URLS": '["a://b"]'}
        settings = load_settings(tmp_path, environ=environ)
        assert (settings.qmt.session_ids, settings.notify.urls) == ((7, 9), ("a://b",))

    def test_reserved_variables_are_not_settings(self, tmp_path: Path) -> None:
        environ = {
            "ROTOR_HOME": "x",
            "ROTOR_FACTORCAT__PASSWORD": "x",
            "ROTOR_NOTIFY__EMAIL__PASSWORD": "x",
            "PATH": "",
        }
        assert load_settings(tmp_path, environ=environ) == Settings()

    @pytest.mark.parametrize("text", ['\ufeffmode = "paper"\n', 'mode = "paper"\r\n[qmt]\r\nuserdata = "迅投"\r\n'])
    def test_files_saved_by_windows_editors_are_read(self, put: Put, text: str) -> None:
        assert load_settings(put(text), environ={}).mode == "paper"


class TestProblems:
    def test_all_problems_are_reported_at_once_with_key_value_and_origin(self, put: Put) -> None:
        home = put('mode = "papr"\n[buy]\namount = -1\n[stops]\ntake_profit = "x"\n')
        environ = {"ROTOR_FEES__SH__RATE": "9", "ROTOR_BUY__AMOUTN": "1"}
        told = problems(home, {"orders.timeout": 0}, environ)
        assert set(told) == {
            "mode = \"papr\" (config.toml): should be 'sandbox', 'paper' or 'live'",
            "buy.amount = -1 (config.toml): should be greater than or equal to 1",
            "stops.take_profit = \"x\" (config.toml): should be 'strategy' or 'off' or should be a valid decimal",
            'fees.sh.rate = "9" (ROTOR_FEES__SH__RATE): should be less than 0.01',
            "orders.timeout = 0 (option): should be greater than or equal to 1",
            "ROTOR_BUY__AMOUTN: unknown variable; the nearest is ROTOR_BUY__AMOUNT",
        }

    def test_a_problem_names_its_origin_in_chinese(self, put: Put) -> None:
        use_language("zh")
        try:
            told = problems(put("[buy]\namount = -1\n"), {"orders.timeout": 0})
        finally:
            use_language("en")
        assert sorted(told) == [
            "buy.amount = -1（config.toml）：不应小于 1",
            "orders.timeout = 0（本次输入）：不应小于 1",
        ]

    @pytest.mark.parametrize(
        ("text", "nearest"),
        [
            ("[buy]\namuont = 3\n", "buy.amount"),
            ("[buy]\nreprices = 3\n", "orders.reprices"),
            ("reprices = 3\n", "orders.reprices"),
            ("[buys]\namount = 3\n", "buy"),
            ("Mode = 3\n", "mode"),
        ],
    )
    def test_an_unknown_key_suggests_the_nearest(self, put: Put, text: str, nearest: str) -> None:
        (told,) = problems(put(text))
        assert told.endswith(f"unknown key; the nearest is {nearest}")

    def test_a_variable_for_a_whole_table_is_refused(self, tmp_path: Path) -> None:
        (told,) = problems(tmp_path, environ={"ROTOR_BUY": "{}"})
        assert told == "ROTOR_BUY: is a table; set its keys one by one, such as ROTOR_BUY__AMOUNT_TYPE"

    def test_syntax_errors_name_their_line_and_hide_no_other_problem(self, put: Put) -> None:
        told = problems(put('mode = "paper"\n[buy\n'), environ={"ROTOR_MODUS": "1"})
        assert "at line 2" in told[0]
        assert "ROTOR_MODE" in told[1]

    def test_a_windows_path_in_double_quotes_is_explained(self, put: Put) -> None:
        (told,) = problems(put('[qmt]\nuserdata = "C:\\迅投"\n'))
        assert "line 2" in told
        assert "single quotes" in told

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gbk"])
    def test_what_notepad_and_a_chinese_keyboard_write_is_read_and_kept(self, tmp_path: Path, encoding: str) -> None:
        """Full-width characters in strings and notes stay: a folder may be named with them."""
        file = tmp_path / "config.toml"
        lines = [
            "mode ＝ “paper”  # 注：模拟，试用",
            "［qmt］",
            "userdata＝“C:\\国金（模拟）”",
            "[buy]",
            "amount = １００００",
        ]
        file.write_bytes("\r\n".join(lines).encode(encoding))
        settings = load_settings(tmp_path, environ={})
        assert (settings.mode, settings.qmt.userdata, settings.buy.amount) == ("paper", "C:\\国金（模拟）", 10000)
        write_setting(tmp_path, {"mode": "sandbox"})
        text = file.read_bytes().decode("utf-8")
        assert "mode = \"sandbox\"  # 注：模拟，试用\r\n[qmt]\r\nuserdata='C:\\国金（模拟）'" in text
        assert load_settings(tmp_path, environ={}).qmt.userdata == "C:\\国金（模拟）"

    @pytest.mark.parametrize(
        ("line", "said"),
        [("mode = “live", "at line 2"), ("amount = 100、", "line 2"), ("mode = “live” # 注”", "")],
    )
    def test_a_line_that_may_mean_several_things_is_refused_with_its_number(
        self, tmp_path: Path, line: str, said: str
    ) -> None:
        (tmp_path / "config.toml").write_text(f"# a note\n{line}\n", encoding="utf-8")
        if said:
            assert said in problems(tmp_path)[0]
        else:
            assert load_settings(tmp_path, environ={}).mode == "live"

    def test_a_folder_or_a_broken_link_in_its_place_is_not_taken_for_a_missing_file(self, tmp_path: Path) -> None:
        file = tmp_path / "config.toml"
        file.mkdir()
        assert problems(tmp_path)[0].endswith("is a folder or a pipe, not a file")
        file.rmdir()
        if hasattr(os, "mkfifo"):
            file.symlink_to(tmp_path / "gone.toml")
            assert "cannot be read" in problems(tmp_path)[0]

    def test_another_encoding_is_named_with_its_line(self, tmp_path: Path) -> None:
        (tmp_path / "config.toml").write_bytes(b"[qmt]\nuserdata = '\xff'\n")
        (problem,) = problems(tmp_path)
        assert problem.endswith("config.toml is not UTF-8 in line 2: save it with the encoding UTF-8")

    @pytest.mark.parametrize("text", ["buy = 3\n", "[buy]\namount = nan\n", "[buy]\namount = inf\n"])
    def test_an_invalid_amount_is_refused(self, put: Put, text: str) -> None:
        (told,) = problems(put(text))
        assert told.startswith("buy")

    @pytest.mark.parametrize("urls", ['"tgram://geheim/1"', '["tgram://geheim/1", 4]'])
    def test_no_secret_is_repeated(self, put: Put, urls: str) -> None:
        home = put(f'[factorcat]\npassword = "geheim"\n[notify]\nurls = {urls}\n[factorcatt]\npassword = "geheim"\n')
        told = problems(home, environ={"ROTOR_FACTORCAT__PASWORD": "geheim"})
        assert len(told) == 4
        assert "geheim" not in " ".join(told)
        assert any("a password is not kept in the settings" in line for line in told)

    @pytest.mark.parametrize(
        ("url", "words"),
        [
            (
                "http://api.yinzimao.com:8003",
                "'http://api.yinzimao.com:8003' would send the password in clear; use https",
            ),
            ("http://localhost.evil.com", "'http://localhost.evil.com' would send the password in clear; use https"),
            ("api.yinzimao.com", "'api.yinzimao.com' is not an address like https://host:port"),
            ("https://host:99999", "'https://host:99999' is not an address like https://host:port"),
        ],
    )
    def test_an_address_the_client_refuses_is_named(self, put: Put, url: str, words: str) -> None:
        (told,) = problems(put(f'[factorcat]\nbase_url = "{url}"\n'))
        assert told == f'factorcat.base_url = "{url}" (config.toml): {words}'

    @pytest.mark.parametrize("url", ["https://alice:geheim@host", "https://alice:ge/heim@host", "x://a:geheim@b@c"])
    def test_a_password_in_an_address_is_not_repeated(self, put: Put, url: str) -> None:
        (told,) = problems(put(f'[factorcat]\nbase_url = "{url}"\n'))
        assert "a name or password does not belong into the address" in told
        assert "heim" not in told
        assert "//***@" in told

    @pytest.mark.parametrize("url", ["https://api.yinzimao.com:8003", "http://127.0.0.1:9", "http://[::1]/x"])
    def test_an_address_the_client_accepts_is_accepted(self, put: Put, url: str) -> None:
        assert load_settings(put(f'[factorcat]\nbase_url = " {url} "\n'), environ={}).factorcat.base_url == url

    @pytest.mark.parametrize("text", ["14:50+08:00", "1450", "14:50:00", "14", "T14:50", "24:50", "١٤:٥٠", ""])
    @pytest.mark.parametrize("key", ["schedule.time", "stops.refill_time"])
    def test_an_invalid_time_of_day_is_refused(self, tmp_path: Path, key: str, text: str) -> None:
        (told,) = problems(tmp_path, {key: text})
        assert told == f"{key} = \"{text}\" (option): '{text}' is not a time like 14:50"


class TestExample:
    def test_the_committed_example_matches_the_rendered_one(self) -> None:
        assert (ROOT / "config.example.toml").read_text(encoding="utf-8") == render_example()

    def test_the_example_has_the_defaults(self, put: Put) -> None:
        assert load_settings(put(render_example()), environ={}) == Settings()

    def test_every_key_is_in_the_example_with_a_comment(self) -> None:
        lines = render_example().splitlines()
        for key in KEYS:
            if not key.startswith("fees."):
                at = [i for i, line in enumerate(lines) if line.startswith(f"{key.rpartition('.')[2]} = ")]
                assert at, key
                assert all(lines[i - 1].startswith("# ") for i in at)

    def test_tables_are_in_the_documented_order(self) -> None:
        tables = [line.partition("]")[0][1:] for line in render_example().splitlines() if line.startswith("[")]
        assert " ".join(tables) == (
            "factorcat qmt quotes network strategy buy orders stops schedule guards fees "
            "notify notify.events notify.email storage updates screen"
        )


class TestWriting:
    def test_a_new_data_folder_starts_with_the_example(self, tmp_path: Path) -> None:
        write_setting(tmp_path, {"strategy.strategy_id": 12, "strategy.history_id": 34})
        text = (tmp_path / "config.toml").read_text(encoding="utf-8")
        changed = (
            render_example().replace("strategy_id = 0", "strategy_id = 12").replace("history_id = 0", "history_id = 34")
        )
        assert text == changed

    def test_comments_order_and_line_ends_are_kept(self, put: Put) -> None:
        home = put(
            "# mine\r\n[buy]\r\namount = 5 # five\r\n\r\n[fees] # low\r\nsh = { rate = 0.1, minimum = 1 }\r\n".replace(
                "0.1", "0.01"
            )
        )
        write_setting(home, {"buy.amount": Decimal("7.5"), "fees.sh.rate": Decimal("0.00005")})
        assert (home / "config.toml").read_bytes().decode() == (
            "# mine\r\n[buy]\r\namount = 7.5 # five\r\n\r\n[fees] # low\r\nsh = { rate = 0.00005, minimum = 1 }\r\n"
        )

    def test_missing_tables_and_keys_are_added(self, put: Put) -> None:
        home = put("\ufeff# mine\n[buy]\namount = 5\n")
        changes = {"mode": "paper", "notify.email.host": "a", "fees.sz.minimum": 2, "qmt.userdata": r"D:\国金'\u"}
        write_setting(home, changes)
        settings = load_settings(home, environ={})
        assert (settings.mode, settings.buy.amount, settings.notify.email.host) == ("paper", 5, "a")
        assert (settings.fees.sz.minimum, settings.qmt.userdata) == (2, r"D:\国金'\u")

    @pytest.mark.parametrize("changes", [{"buy.amount": -1}, {"buy.amont": 1}, {"mode": None}, {"buy": 4}])
    def test_invalid_settings_are_not_written(self, put: Put, changes: dict[str, Any]) -> None:
        home = put('mode = "paper"\n')
        with pytest.raises(SettingsError):
            write_setting(home, changes)
        assert {path.name for path in home.iterdir()} - {".config.toml.lock"} == {"config.toml"}
        assert (home / "config.toml").read_text(encoding="utf-8") == 'mode = "paper"\n'

    def test_a_crash_while_writing_leaves_the_old_file(self, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
        home = put('mode = "paper"\n')

        def broken(*_: object) -> None:
            raise OSError("no space left")

        monkeypatch.setattr("os.fsync", broken)
        with pytest.raises(OSError, match="no space"):
            write_setting(home, {"mode": "sandbox"})
        assert {path.name for path in home.iterdir()} - {".config.toml.lock"} == {"config.toml"}
        assert load_settings(home, environ={}).mode == "paper"

    def test_environment_values_are_not_written_to_the_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ROTOR_MODE", "live")
        write_setting(tmp_path, {"buy.amount": 20000})
        assert tomllib.loads((tmp_path / "config.toml").read_text(encoding="utf-8"))["mode"] == "sandbox"

    def test_init_writes_the_example_once(self, tmp_path: Path) -> None:
        file = init_config(tmp_path / "new")
        assert file.read_text(encoding="utf-8") == render_example()
        with pytest.raises(FileExistsError, match="exists already"):
            init_config(tmp_path / "new")

    def test_changes_made_at_once_are_all_kept(self, tmp_path: Path) -> None:
        changes = [{f"guards.{key}": 7} for key in ("max_quote_age", "max_rejects", "min_days_to_call")]
        changes += [{"buy.reserve": 7}, {"orders.timeout": 7}, {"schedule.day": 7}]
        with ThreadPoolExecutor(len(changes)) as pool:
            list(pool.map(lambda change: write_setting(tmp_path, change), changes))
        settings = load_settings(tmp_path, environ={})
        assert [value_at(settings, key) for change in changes for key in change] == [7] * len(changes)

    def test_a_change_waits_for_another_one_and_then_says_so(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("core.infra.home._CHANGE_PATIENCE", 0.05)
        file = init_config(tmp_path)
        with changing(file), pytest.raises(FileBusy, match=r"is changing config\.toml; try again"):
            write_setting(tmp_path, {"mode": "paper"})
        assert load_settings(tmp_path, environ={}).mode == "sandbox"
        write_setting(tmp_path, {"mode": "paper"})
        assert load_settings(tmp_path, environ={}).mode == "paper"


@pytest.mark.parametrize(
    ("text", "receivers"),
    [
        ("a@x.cn", ["a@x.cn"]),
        ("a@x.cn,b@x.cn", ["a@x.cn", "b@x.cn"]),
        (" a@x.cn ; b@x.cn;", ["a@x.cn", "b@x.cn"]),
        ("a@x.cn b@x.cn\tc@x.cn\u3000d@x.cn\ne@x.cn", ["a@x.cn", "b@x.cn", "c@x.cn", "d@x.cn", "e@x.cn"]),
        ("a@x.cn，b@x.cn；c@x.cn、a@x.cn", ["a@x.cn", "b@x.cn", "c@x.cn"]),
        ('张三 <a@x.cn>; "Li, Si" <b@x.cn>, c@x.cn', ["a@x.cn", "b@x.cn", "c@x.cn"]),
        ("a@x.cn <b@x.cn> c@x.cn Li <d@x.cn>", ["a@x.cn", "b@x.cn", "c@x.cn", "d@x.cn"]),
        ("a@x.cn|b@x.cn｜c＠x.cn。", ["a@x.cn", "b@x.cn", "c@x.cn"]),
        ("a@x。cn", ["a@x.cn"]),
        ("", []),
        (" ,；", []),
    ],
)
def test_mail_receivers_are_split_at_every_usual_separator(text: str, receivers: list[str]) -> None:
    email = EmailSettings(receiver=text)
    assert list(email.receivers) == receivers
    assert all(map(is_mail_address, receivers))


@pytest.mark.parametrize(
    "text",
    ["a", "a@", "@x.cn", "a@@x.cn", "a@x..cn", ".a@x.cn", "张@x.cn", "a@x@y.cn", "<>", "a" * 300 + "@x.cn"],
)
def test_a_mistyped_mail_address_is_refused_where_it_is_entered(tmp_path: Path, text: str) -> None:
    assert problem_with(tmp_path, "notify.email.sender", text).startswith("This is no mail address: ")
    assert problem_with(tmp_path, "notify.email.sender", "me@x.cn") == ""
    key = "notify.email.receiver"
    assert problem_with(tmp_path, key, f"me@x.cn; {text}").startswith("This is no mail address: ")
    assert problem_with(tmp_path, key, "me@x.cn; you+rotor@mail.x-y.cn") == ""
    write_setting(tmp_path, {key: text})
    assert load_settings(tmp_path, environ={}).notify.email.receiver == text, "a mail address must not stop the engine"
