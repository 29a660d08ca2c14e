"""Answers of the quote service (the server side of ``xtdata``)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from miniqmt_emulator.clock import midnight_ms
from miniqmt_emulator.market import Instrument, Market, select_days
from miniqmt_emulator.protocol import Message
from miniqmt_emulator.settings import Settings

_SECTORS: dict[str, tuple[str, ...]] = {
    "沪深转债": ("SH", "SZ"),
    "上证转债": ("SH",),
    "深证转债": ("SZ",),
}
_UNSET_RATIO = 1.7976931348623157e308
_UNSET_INT = 2147483647
_NO_EXPIRY = 99999999
_BAR_FIELDS = ("open", "high", "low", "close", "volume", "amount")


@dataclass(frozen=True)
class Subscription:
    """``codes`` is None for a whole market subscription given by market names."""

    codes: frozenset[str]
    markets: frozenset[str]
    whole: bool
    """Payload is {code: tick} when True, {code: [tick]} when False."""

    def covers(self, code: str) -> bool:
        return code in self.codes or code.rpartition(".")[2] in self.markets

    def payload(self, ticks: dict[str, Any]) -> dict[str, Any]:
        return ticks if self.whole else {code: [tick] for code, tick in ticks.items()}


class QuoteService:
    def __init__(self, market: Market, settings: Settings, userdata: Path) -> None:
        self.market = market
        self.settings = settings
        self.userdata = userdata
        self.cb_downloaded = False

    def greeting(self) -> Message:
        data_dir = self.userdata / "datadir"
        return {"result": 0, "data_dir": str(data_dir), "app_dir": str(self.userdata.parent)}

    def answer(self, op: str, message: Message) -> Any:
        """The value of a request that needs no subscription."""
        handlers: dict[str, Callable[..., Any]] = {
            "full_tick": self._full_tick,
            "instrument_detail": self._instrument_detail,
            "stock_type": self._stock_type,
            "trading_dates": self._trading_dates,
            "holidays": lambda: self.market.holidays,
            "sectors": lambda: list(_SECTORS),
            "sector_members": self._sector_members,
            "download": lambda: None,
            "download_cb": self._download_cb,
            "cb_info": self._cb_info,
            "bars": self._bars,
        }
        return handlers[op](**{name: item for name, item in message.items() if name not in ("op", "id")})

    def empty_answer(self, op: str) -> Any:
        """What a scripted "empty" reply looks like."""
        return {} if op in ("full_tick", "instrument_detail", "stock_type", "cb_info", "bars") else []

    def subscription(self, message: Message) -> Subscription:
        if message["op"] == "subscribe_one":
            return Subscription(frozenset({message["code"]}), frozenset(), whole=False)
        codes = message["codes"]
        return Subscription(
            frozenset(code for code in codes if "." in code),
            frozenset(code for code in codes if "." not in code),
            whole=True,
        )

    def snapshot(self, subscription: Subscription) -> dict[str, Any]:
        """The first push of a subscription."""
        ticks = self.market.ticks([*subscription.codes, *subscription.markets], self.settings.hand)
        return subscription.payload(ticks)

    def change(self, subscription: Subscription, code: str) -> dict[str, Any]:
        return subscription.payload(self.market.ticks([code], self.settings.hand))

    # -- requests -----------------------------------------------------------------------------

    def _full_tick(self, codes: list[str]) -> dict[str, Any]:
        return self.market.ticks(codes, self.settings.hand)

    def _instrument_detail(self, code: str) -> dict[str, Any]:
        instrument = self.market.instruments.get(code)
        return self._detail(instrument) if instrument else {}

    def _stock_type(self, code: str) -> dict[str, bool]:
        instrument = self.market.instruments.get(code)
        return {instrument.kind: True} if instrument else {}

    def _trading_dates(self, start: str, end: str, count: int) -> list[int]:
        return self.market.days_ms(start, end, count)

    def _sector_members(self, sector: str) -> list[str]:
        markets = _SECTORS.get(sector, ())
        return [
            code
            for code, instrument in self.market.instruments.items()
            if instrument.market in markets and instrument.kind == "convertible_bond"
        ]

    def _download_cb(self) -> None:
        self.cb_downloaded = True

    def _cb_info(self, code: str) -> dict[str, Any]:
        instrument = self.market.instruments.get(code)
        if instrument is None or (self.settings.cb_info_needs_download and not self.cb_downloaded):
            return {}
        return {
            "bondCode": code,
            "bondName": instrument.name,
            "stockCode": instrument.stock_code,
            "bondParvalue": 100.0,
            "bondReMainSize": instrument.remaining_size,
            "bondMaturityDate": int(instrument.maturity_date or 0),
            "bondListDate": int(instrument.list_date or 0),
            "bondConvPrice": instrument.conversion_price,
            "forceRedeemTradeDate": int(instrument.last_trade_date or 0),
            "forceRedeemPrice": 0.0,
            "redeemStatus": "0/15 | 30",
            "level": "AA",
            **instrument.cb_info,
        }

    def _bars(self, codes: list[str], start: str, end: str, count: int) -> dict[str, Any]:
        """Daily bars; days without one repeat the previous close."""
        table = {}
        for code in codes:
            instrument = self.market.instruments.get(code)
            bars = {bar["day"]: bar for bar in instrument.bars} if instrument else {}
            past = [day for day in self.market.trading_dates if day < self.market.trading_day]
            days = select_days(sorted({*past, *bars}), start, end, count)
            close = instrument.prev_close if instrument else 0.0
            flat = {
                "open": close,
                "high": close,
                "low": close,
                "close": close,
                "volume": 0,
                "amount": 0.0,
            }
            rows = [flat | bars.get(day, {}) for day in days]
            columns: dict[str, list[Any]] = {
                "day": days,
                "time": [midnight_ms(day) for day in days],
            }
            for name in _BAR_FIELDS:
                columns[name] = [row[name] for row in rows]
            columns["preClose"] = [close, *columns["close"]][: len(rows)]
            table[code] = columns
        return table

    def _detail(self, instrument: Instrument) -> dict[str, Any]:
        detail: dict[str, Any] = {
            "ExchangeID": instrument.market,
            "InstrumentID": instrument.number,
            "InstrumentName": instrument.name,
            "ProductID": "",
            "ProductName": "",
            "ProductType": -1,
            "ExchangeCode": instrument.number,
            "UniCode": instrument.number,
            "CreateDate": 0,
            "OpenDate": int(instrument.list_date or 0),
            "ExpireDate": _NO_EXPIRY,
            "TradingDay": int(self.market.trading_day),
            "PreClose": instrument.prev_close,
            "SettlementPrice": instrument.prev_close,
            "UpStopPrice": instrument.upper_limit,
            "DownStopPrice": instrument.lower_limit,
            "FloatVolumn": instrument.remaining_size / 100,
            "TotalVolumn": instrument.remaining_size / 100,
            "LongMarginRatio": _UNSET_RATIO,
            "ShortMarginRatio": _UNSET_RATIO,
            "PriceTick": instrument.tick,
            "VolumeMultiple": 1,
            "MainContract": _UNSET_INT,
            "LastVolume": _UNSET_INT,
            "InstrumentStatus": instrument.instrument_status,
            "IsTrading": False,
            "IsRecent": False,
            "ExtendInfo": {
                "OptionType": -1,
                "OptUndlCode": instrument.stock_code.rpartition(".")[0],
                "OptUndlMarket": instrument.stock_code.rpartition(".")[2],
                "OptExercisePrice": instrument.conversion_price,
                "BondParValue": 100.0,
                "MinLimitOrderVolume": instrument.lot,
                "ProductTradeQuota": 0,
                "ContractTradeQuota": 0,
                "ProductOpenInterestQuota": 0,
                "ContractOpenInterestQuota": 0,
            },
        }
        overrides = {k: v for k, v in instrument.detail.items() if not k.startswith("tick:")}
        detail["ExtendInfo"] |= overrides.pop("ExtendInfo", {})
        return detail | overrides
