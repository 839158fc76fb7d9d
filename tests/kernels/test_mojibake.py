"""Signs of a wrong charset: as a plain reading of their definition counts them."""

import re

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.mojibake import count_mojibake

SIGN = re.compile("\ufffd|锟斤拷|â€|[ÂÃ](?=[\u0080-\u00bf])")


@settings(deadline=None)
@given(st.lists(st.text(alphabet="a Ââà Ã€é©\u0080\u00bf\u00c0™’\ufffd锟斤拷金\n", max_size=30), max_size=6))
def test_as_the_definition_says(texts):
    assert count_mojibake(pa.array(texts, pa.string())).tolist() == [len(SIGN.findall(text)) for text in texts]


def test_real_mishaps_show_and_good_text_does_not():
    good = "Crème brûlée – “naïve” São João, NÃO, Ângela, 淘金的人，在河边。"
    twice = good.encode().decode("cp1252", "replace")
    as_gbk = "\ufffd\ufffd".encode().decode("gbk", "replace")
    found = count_mojibake(pa.array([good, twice, as_gbk, good.encode("cp1252", "replace").decode("utf-8", "replace")]))
    assert found[0] == 0
    assert found[1] > 8
    assert found[2] == 1
    assert found[3] > 5
    assert count_mojibake(pa.array(["x", "Ã©", None, "\ufffd"])[1:]).tolist() == [1, 0, 1]
