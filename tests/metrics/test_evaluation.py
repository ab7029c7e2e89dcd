from dataclasses import replace

import numpy as np
import pytest

from engine.data.dataset import Dataset, Factor
from engine.errors import InputError
from engine.metrics import EvaluationSets, SetSizes, dci, evaluate, factor_vae, live_scale, mig, sap, score

from .conftest import NINE

SMALL = SetSizes(groups=60, group_size=20, scale=50, labelled=400)
SMALL_LIB = SetSizes(groups=60, group_size=10, scale=200, labelled=60, test_groups=30, test_labelled=100)


class Cells(Dataset):
    """Images of 2 x 3 pixels and 2 channels whose first pixels are the factor ids. The second factor never varies."""

    name = "cells"
    image_shape = (2, 3, 2)
    in_grid_order = True

    def __init__(self):
        self.factors = (
            Factor("shape", (1.0, 2.0, 4.0), continuous=False),
            Factor("colour", (1.0,), continuous=False),
            Factor("x", (0.0, 0.1, 0.5, 0.9), continuous=True),
            Factor("y", (0.0, 0.2, 0.4, 0.6, 0.8), continuous=True),
        )
        self.asked = []

    def __len__(self):
        return 60

    def images(self, indices):
        self.asked.append(np.asarray(indices))
        pixels = np.zeros((len(indices), 2, 3, 2), dtype=np.uint8)
        ids = self.factors_of(indices)
        pixels[:, 0, :, 0] = ids[:, [0, 2, 3]]
        pixels[:, 1, 2, 1] = 255
        return pixels


@pytest.fixture
def cells():
    return Cells()


def read_ids(images):
    """The ids of a factor, as float codes; a perfect encoder."""
    return np.rint(images[:, 0, 0, :] * 255)


def read_badly(images):
    ids = read_ids(images)
    return np.column_stack([ids[:, 0] + ids[:, 1], ids[:, 1] - ids[:, 2], np.full(len(ids), 0.1)])


def test_images_reach_the_encoder_as_float32_channels_first_in_0_to_1(cells):
    seen = []

    def encode(images):
        seen.append(images)
        return images[:, 0, 0, :]

    evaluate(encode, cells, ["factor_vae"], sizes=SMALL)
    images = np.concatenate(seen)
    assert images.dtype == np.float32
    assert images.shape[1:] == (2, 2, 3)
    assert (images[:, 1, 1, 2] == 1.0).all()
    assert images[:, 0, 0, 0].max() == pytest.approx(2 / 255)
    assert all(batch.flags.c_contiguous for batch in seen)


def test_all_keys_in_order_and_a_perfect_encoder(cells):
    found = score(read_ids, cells)
    assert list(found) == NINE
    assert found["factor_vae"] == 1.0
    assert found["beta_vae"] == 1.0
    assert found["dci_disentanglement"] > 0.98
    assert found["mig"] > 0.98
    assert found["modularity"] > 0.99


def test_every_distinct_image_is_encoded_once(cells):
    result = evaluate(read_ids, cells, sizes=SMALL, batch_size=7)
    asked = np.concatenate(cells.asked)
    assert len(asked) == len(set(asked.tolist())) == result.encoded_images <= len(cells)
    assert max(len(batch) for batch in cells.asked) == 7


def test_factor_vae_alone_encodes_only_what_it_needs(cells):
    few = replace(SMALL, groups=2, group_size=2, scale=3, labelled=400)
    result = evaluate(read_ids, cells, ["factor_vae"], sizes=few)
    assert list(result.scores) == ["factor_vae"]
    assert result.encoded_images <= 2 * 2 + 3
    assert evaluate(read_ids, cells, ["mig"], sizes=few).encoded_images > 2 * 2 + 3


def test_scores_equal_the_functions_on_the_drawn_sets(cells):
    sets = EvaluationSets.draw(cells, "paper", 5, SMALL)
    ids = cells.factors_of(np.arange(60))[:, [0, 2, 3]]
    codes = np.column_stack([ids[:, 0] + ids[:, 1], ids[:, 1] - ids[:, 2], np.full(60, 0.1)])
    found = score_small(read_badly, cells, seed=5)
    scale = live_scale(codes[sets.indices["scale"]])
    assert found["factor_vae"] == factor_vae(codes[sets.indices["groups"]], sets.labels["groups"], scale)
    labelled = sets.indices["labelled"]
    assert found["mig"] == pytest.approx(mig(codes[labelled], ids[labelled]))
    tables = [np.array(cells.factors[column].values) for column in (0, 2, 3)]
    values = np.stack([table[column] for table, column in zip(tables, ids.T, strict=True)], axis=1)
    assert found["sap"] == pytest.approx(sap(codes[labelled], values[labelled], [False, True, True]))
    assert found["dci_completeness"] == pytest.approx(dci(codes[labelled], values[labelled]).completeness)
    # Unequal steps between values: had it been given ids, the lasso would have found other weights.
    assert found["dci_completeness"] != pytest.approx(dci(codes[labelled], ids[labelled]).completeness, abs=1e-9)


def score_small(encode, dataset, metrics=None, seed=0, protocol="paper", sizes=SMALL):
    return evaluate(encode, dataset, metrics, protocol, seed, sizes=sizes).scores


def test_equal_seeds_give_equal_scores_and_subsets_of_metrics_the_same_numbers(cells):
    everything = score_small(read_badly, cells, seed=3)
    assert score_small(read_badly, cells, seed=3) == everything
    assert score_small(read_badly, cells, seed=4) != everything
    for key in NINE:
        assert score_small(read_badly, cells, [key], seed=3) == {key: everything[key]}
    assert list(score_small(read_badly, cells, ["dci"], seed=3)) == NINE[2:5]


def test_dead_codes_are_reported_and_every_score_is_a_number(cells):
    result = evaluate(read_badly, cells, sizes=SMALL)
    assert result.dead_codes == (2,)
    assert np.isfinite(list(result.scores.values())).all()
    dead = evaluate(lambda images: np.full((len(images), 2), 0.1, dtype=np.float32), cells, sizes=SMALL)
    assert dead.dead_codes == (0, 1)
    assert dead.scores["factor_vae"] == dead.scores["mig"] == dead.scores["dci_disentanglement"] == 0.0
    assert dead.scores["explicitness"] == 0.5
    assert np.isfinite(list(dead.scores.values())).all()
    assert evaluate(read_ids, cells, sizes=SMALL).dead_codes == ()


def test_lib_protocol_scores_held_out_sets(cells):
    found = score_small(read_badly, cells, protocol="lib", sizes=SMALL_LIB)
    assert list(found) == NINE
    sets = EvaluationSets.draw(cells, "lib", 0, SMALL_LIB)
    ids = cells.factors_of(np.arange(60))[:, [0, 2, 3]]
    codes = np.column_stack([ids[:, 0] + ids[:, 1], ids[:, 1] - ids[:, 2], np.full(60, 0.1)])
    fit, held_out = sets.indices["labelled"], sets.indices["test_labelled"]
    expected = dci(
        codes[fit],
        ids[fit],
        "gradient-boosting",
        protocol="lib",
        test_codes=codes[held_out],
        test_factors=ids[held_out],
    )
    assert found["dci_informativeness"] == pytest.approx(expected.informativeness)
    expected = factor_vae(
        codes[sets.indices["groups"]],
        sets.labels["groups"],
        live_scale(codes[sets.indices["scale"]]),
        protocol="lib",
        test_groups=codes[sets.indices["test_groups"]],
        test_labels=sets.labels["test_groups"],
    )
    assert found["factor_vae"] == expected


def test_progress_tells_of_encoding_and_of_each_score(cells):
    heard = []
    evaluate(read_ids, cells, progress=lambda *news: heard.append(news), sizes=SMALL, batch_size=16)
    encoding = [news for news in heard if news[0] == "encoding"]
    assert [done for _, done, _ in encoding] == sorted({done for _, done, _ in encoding})
    assert encoding[-1][1] == encoding[-1][2]
    names = [name for name, _, _ in heard if name != "encoding"]
    assert names == ["factor_vae", "beta_vae", "dci", "sap", "mig", "modularity", "explicitness"]


def test_refuses_unknown_metrics_and_broken_encoders(cells):
    with pytest.raises(InputError, match="unknown metric 'nmig': it is one of factor_vae, beta_vae"):
        score(read_ids, cells, ["mig", "nmig"])
    with pytest.raises(InputError, match="no metric"):
        score(read_ids, cells, [])
    with pytest.raises(InputError, match="a model that diverged cannot be scored"):
        score(lambda images: np.full((len(images), 2), np.nan), cells)
    with pytest.raises(InputError, match=r"the encoder must give codes \[n, d\]"):
        score(lambda images: images[:, 0, 0, 0], cells)
    with pytest.raises(InputError, match="same number of codes"):
        evaluate(lambda images: np.ones((len(images), len(images))), cells, sizes=SMALL, batch_size=32)


def test_refuses_a_dataset_without_factors(cells):
    cells.in_grid_order, cells.factors = False, ()
    with pytest.raises(InputError, match="dataset 'cells' has no known factors, so no default score"):
        score(read_ids, cells)
