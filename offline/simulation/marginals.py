"""Measures what the simulated store takes from real ones, and writes it down.

    python -m offline.simulation.marginals --rees46 2019-Oct-head.csv.gz --online-retail online_retail.csv.gz \\
        --open-bandit random/men/men.csv.gz

prints the section [measured] of store_parameters.toml.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
from numpy.typing import NDArray

HEAVY_VIEWS = 10
"""Users with at least so many views say how much one user's views keep to few categories."""
FAVOURITES = 3
NEW_AFTER_MONTHS = 3
"""An item first sold this long after the log began is new, not merely slow."""


def rees46_marginals(path: Path) -> dict[str, float]:
    """Returns what the head of REES46 says of catalogue, sessions and funnel."""
    table = pcsv.read_csv(pa.input_stream(path, compression="detect"))
    kinds = np.array(table.column("event_type").to_pylist(), object)
    viewed = kinds == "view"
    item, first = _codes(table, "product_id")
    category, _ = _codes(table, "category_id")
    brand, _ = _codes(table, "brand")
    user, _ = _codes(table, "user_id")
    session, _ = _codes(table, "user_session")
    named = np.array([bool(text) for text in table.column("brand").to_pylist()])
    price = np.log(np.maximum(table.column("price").to_numpy(), 0.01))[first]
    per_category = np.array([price[category[first] == c].mean() for c in np.unique(category[first])])
    within = price - per_category[np.searchsorted(np.unique(category[first]), category[first])]
    views, purchases = int(viewed.sum()), int((kinds == "purchase").sum())
    session_views = np.bincount(session[viewed])
    # Sessions are interleaved in the file; their own order of views is kept by a stable sort.
    by_session = np.flatnonzero(viewed)[np.argsort(session[viewed], kind="stable")]
    same_session = session[by_session][1:] == session[by_session][:-1]
    same_category = category[by_session][1:] == category[by_session][:-1]
    favourites, lift = _favourites(user[viewed], category[viewed])
    return {
        "categories": np.unique(category).size,
        "brands": np.unique(brand[named]).size,
        "category_exponent": zipf_exponent(np.bincount(category[first])),
        "brand_exponent": zipf_exponent(np.bincount(brand[first][named[first]])),
        "item_exponent": zipf_exponent(np.bincount(item[viewed])),
        "brandless_share": float(1 - named[first].mean()),
        "log_price_mean": float(per_category.mean()),
        "log_price_between": float(per_category.std()),
        "log_price_within": float(within.std()),
        "session_views": float(session_views[session_views > 0].mean()),
        "category_stays": float(same_category[same_session].mean()),
        "favourites_share": favourites,
        "favourite_lift": lift,
        "cart_per_view": float((kinds == "cart").sum() / views),
        "purchase_per_view": purchases / views,
    }


def online_retail_marginals(path: Path) -> dict[str, float | list[float]]:
    """Returns what Online Retail's clean rows say of activity, seasons, hours and new items."""
    options = pcsv.ConvertOptions(column_types={"StockCode": pa.string(), "InvoiceNo": pa.string()})
    table = pcsv.read_csv(pa.input_stream(path, compression="detect"), convert_options=options)
    table = table.filter(
        pc.and_(pc.is_valid(table.column("CustomerID")), pc.greater(table.column("Quantity"), 0))
    )
    times = pc.cast(table.column("InvoiceDate"), pa.timestamp("s"))
    customer, _ = _codes(table, "CustomerID")
    _, first = _codes(table, "StockCode")
    month = np.asarray(pc.month(times).to_numpy(), np.int64)
    year = np.asarray(pc.year(times).to_numpy(), np.int64)
    hours = np.bincount(np.asarray(pc.hour(times).to_numpy(), np.int64), minlength=24)
    # December 2011 is cut off after nine days; months before it are whole.
    serial = (year - year.min()) * 12 + month - month[0]
    whole = serial < serial.max()
    monthly = np.bincount(serial[whole])
    late_first = serial[first][(serial[first] >= NEW_AFTER_MONTHS) & (serial[first] < serial.max())]
    months = int(serial.max()) - NEW_AFTER_MONTHS
    return {
        "activity_exponent": zipf_exponent(np.bincount(customer)),
        "season_log_deviation": float(np.log(monthly).std()),
        "new_items_per_month": late_first.size / months / first.size,
        "hour_shares": [round(float(share), 4) for share in hours / hours.sum()],
    }


def open_bandit_click_rate(path: Path) -> float:
    """Returns clicks a shown item of the uniform policy, at three positions."""
    table = pcsv.read_csv(pa.input_stream(path, compression="detect"))
    return float(table.column("click").to_numpy().mean())


def zipf_exponent(counts: NDArray[np.int64]) -> float:
    """Returns s of count ~ rank^-s: least squares on the logarithms of ranks spaced evenly on their scale.

    Ranks whose count is below 3 are left out: there the counts are steps of a staircase.
    """
    ordered = np.sort(counts)[::-1].astype(np.float64)
    ordered = ordered[ordered >= 3]
    ranks = np.unique(np.geomspace(1, ordered.size, 50).astype(np.int64))
    slope = np.polyfit(np.log(ranks), np.log(ordered[ranks - 1]), 1)[0]
    return float(-slope)


def _favourites(user: NDArray[np.int64], category: NDArray[np.int64]) -> tuple[float, float]:
    """Returns the share of heavy users' views in their three first categories, and how much likelier than for
    anybody a view of the first is: the mean over users of its share of their views / the mean of its share of all.

    The two halves of a user's views choose and count apart, else chance itself would look like taste.
    """
    overall = np.bincount(category) / category.size
    shares, own, anybody = [], [], []
    for one in np.flatnonzero(np.bincount(user) >= HEAVY_VIEWS):
        views = category[user == one]
        chosen, counted = views[::2], views[1::2]
        names, counts = np.unique(chosen, return_counts=True)
        best = names[np.argsort(-counts, kind="stable")][:FAVOURITES]
        shares.append(np.isin(counted, best).mean())
        own.append((counted == best[0]).mean())
        anybody.append(overall[best[0]])
    return float(np.mean(shares)), float(np.mean(own) / np.mean(anybody))


def _codes(table: pa.Table, name: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns each row's code, and the first row of each code."""
    encoded = pc.cast(table.column(name), pa.string()).combine_chunks().dictionary_encode("encode")
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, np.unique(codes, return_index=True)[1]


def as_toml(values: Mapping[str, float | list[float]]) -> str:
    """Returns the lines of a section."""
    return "\n".join(
        f"{name} = {value if isinstance(value, list | int) else round(value, 4)}"
        for name, value in values.items()
    )


def main() -> None:
    """Prints the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("rees46", "online-retail", "open-bandit"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    given = parser.parse_args()
    values: dict[str, float | list[float]] = {
        **rees46_marginals(given.rees46),
        **online_retail_marginals(given.online_retail),
        "random_click_rate": open_bandit_click_rate(given.open_bandit),
    }
    print("[measured]\n" + as_toml(values))


if __name__ == "__main__":
    main()
