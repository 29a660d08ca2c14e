"""What the made pages say beside the words of the code, in both languages."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.i18n import Language


@dataclass(frozen=True)
class Words:
    """Titles and introductions; `tables` describes the settings' tables where their docstrings do not."""

    language: Language
    settings: str
    settings_about: str
    settings_head: str
    at_the_top: str
    screens: str
    screens_about: str
    keys_head: str
    everywhere: str
    tables: Mapping[str, str] = field(default_factory=dict[str, str])


IN_ENGLISH = Words(
    language="en",
    settings="Every setting",
    settings_about="The settings are in `config.toml` in the data folder. `rotor config init` writes it, `rotor config "
    "check` lists problems, `rotor config show` prints the settings in force, and `rotor config set KEY "
    "VALUE` writes one. A variable such as `ROTOR_BUY__AMOUNT=20000` overrides the file, an option overrides "
    "both. An unknown key is an error that names the nearest key. The Settings screen (`8`) shows all of them"
    " and checks what you type.",
    settings_head="| key | default | what it does |",
    at_the_top="At the top",
    screens="Every screen",
    screens_about="Digits switch screens, `?` lists the keys of the current screen, `ctrl+p` finds an action by name. "
    "The header shows the mode, the account, the market's time, every connection and what comes next, with "
    "warnings below it. The pictures show the sandbox.",
    keys_head="| key | does |",
    everywhere="Everywhere",
)

IN_CHINESE = Words(
    language="zh",
    settings="每项设置",
    settings_about="设置在数据目录的 `config.toml` 中。`rotor config init` 写入该文件，`rotor config check` 列出问题，"
    "`rotor config show` 显示生效的设置，`rotor config set KEY VALUE` 写入一项。`ROTOR_BUY__AMOUNT=20000` "
    "之类的环境变量优先于文件，命令行选项优先于两者。未知的键会报错，并指出最接近的键。设置页（`8`）显示全部设置，并在输入时检查。",
    settings_head="| 键 | 默认值 | 作用 |",
    at_the_top="文件开头",
    screens="每个界面",
    screens_about="数字键切换界面，`?` 列出当前界面的按键，`ctrl+p` 按名称查找操作。标题栏显示模式、账户、市场时间、"
    "各项连接和接下来的任务，其下是警告。图片为沙盒（英文界面）。",
    keys_head="| 按键 | 作用 |",
    everywhere="通用",
    tables={
        "factorcat": "因子猫平台。密码存在系统钥匙串，或用环境变量 ROTOR_FACTORCAT__PASSWORD。",
        "qmt": "MiniQMT 终端，用于实盘。",
        "quotes": "行情来源。一次决策只用一个来源的行情，由下一个来源核对。",
        "network": "rotor 如何访问因子猫、公开行情、转债数据和版本消息。",
        "strategy": "跟随的策略和回测记录；在策略页选择「使用」即可设置。",
        "buy": "持有选债中的哪些转债，新入选的买多少。",
        "orders": "委托如何定价、等待多久。可转债只有限价委托。",
        "stops": "策略持仓的止盈和止损。",
        "schedule": "何时自动调仓，一律为上海时间，与本机时区无关。",
        "guards": "调仓计划的限制；超出的拒绝或跳过，并写明数值。",
        "fees.sh": "上海市场的佣金。",
        "fees.sz": "深圳市场的佣金。",
        "notify": "邮件和推送通知谁。`rotor notify test` 发送测试。",
        "notify.events": "各类通知的级别；off 为不发送。",
        "notify.email": "邮件通知。密码存在系统钥匙串，或用环境变量 ROTOR_NOTIFY__EMAIL__PASSWORD。",
        "storage": "数据保留多久。委托和成交永久保留：报告和报税需要。",
        "updates": "新版本的消息；不会自行安装。",
        "screen": "终端的外观和行为；在设置页修改后立即生效。",
    },
)
