"""What the sandbox says of its bonds: figures of the recording, and nothing else."""

from datetime import date
from decimal import Decimal

from core.model.bond import BondCode
from core.model.bond_info import BondInfo
from core.rules.valuation import figures, terms
from core.sandbox.bonds import SandboxBondInfo
from core.sandbox.recorded import SandboxData

CODE = BondCode("110075")


def told(data: SandboxData, code: BondCode = CODE) -> BondInfo:
    return SandboxBondInfo(data).bond_infos([code])[code]


def test_a_bond_s_metrics_are_those_of_the_recording(data: SandboxData) -> None:
    row, info = data.panel.rows(date(2026, 5, 14))[CODE], told(data)
    found, said = figures(info, None, None), terms(info)
    assert row.premium is not None and row.conversion_value is not None
    assert found.premium == Decimal(str(row.premium)) / 100
    assert found.conversion_value is not None
    assert abs(found.conversion_value - Decimal(str(row.conversion_value))) < Decimal("0.001")
    assert said.rating is not None and said.rating.value == "AAA"
    assert said.remaining_size is not None and said.remaining_size.value == Decimal("5895931007.82")
    assert (said.share_code, said.share_name) == ("600029", "南方航空")
    assert said.maturity is not None and said.maturity.value == date(2026, 10, 15)


def test_what_the_recording_lacks_is_unknown(data: SandboxData) -> None:
    assert terms(told(data)).counted is None
    unrated = [code for code, bond in data.bonds.items() if not bond.figures.rating]
    assert unrated
    assert all(terms(told(data, code)).rating is None for code in unrated)
    new = [code for code, bond in data.bonds.items() if bond.before is None]
    assert new
    assert all(figures(told(data, code), None, None).premium is None for code in new)


def test_each_share_s_price_is_in_whole_fen_and_gives_its_conversion_value_back(data: SandboxData) -> None:
    for code, bond in data.bonds.items():
        found = figures(told(data, code), None, None)
        if bond.before is None or bond.before.conversion_value is None:
            continue
        assert found.share is not None and found.conversion_value is not None
        exact = Decimal(str(bond.before.conversion_value))
        assert abs(found.conversion_value - exact) < Decimal("0.001"), code
