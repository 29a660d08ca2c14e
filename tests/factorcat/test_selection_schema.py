"""No response gives part of a list."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from core.factorcat.errors import FactorCatError
from core.factorcat.selection_reader import read_selection
from tests.factorcat.conftest import NOW, ROWS

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner))
codes = st.sampled_from(["113052.SH", "113052", "127030", "600000.SH", "", " 110043 ", "132001"]) | scalars
rows = st.fixed_dictionaries(
    {"name": st.just("x") | scalars, "trade_date": st.sampled_from(["2026-05-15", "20260514", "x"]) | scalars},
    optional={"kzz_code": codes, "code": codes, "price": scalars},
)
answers = values | st.lists(
    st.fixed_dictionaries({"selected_bonds": st.lists(rows | st.sampled_from(ROWS) | values, max_size=4)}), max_size=2
)


@settings(max_examples=100, deadline=None)
@given(answers)
def test_a_selection_is_read_completely_or_refused(value: object) -> None:
    try:
        selection = read_selection(json.dumps(value).encode(), "the day's list", 7, 42, NOW)
    except FactorCatError as error:
        assert str(error).endswith(".")
        return
    assert isinstance(value, list)
    assert selection.rows == len(value[0]["selected_bonds"])
    assert len({*selection.codes, *(row.code for row in selection.skipped)}) == selection.rows
    assert all(bond.price is None or (bond.price.is_finite() and bond.price > 0) for bond in selection.bonds)
