import pytest

from pipeline.kernels.charset import codec, decode

CHINESE = "淘金者在河边用盘子淘洗沙子，金粒沉在盘底。" * 20
TRADITIONAL = "淘金者在河邊用盤子淘洗沙子，金粒沉在盤底。這樣的黃金很少。" * 20
JAPANESE = "砂金は川の底の砂からとれます。カタカナもあります。" * 20
KOREAN = "사금은 강바닥의 모래에서 나옵니다. 쟁반으로 일어 냅니다. " * 20
RUSSIAN = "Золото моют из речного песка; тяжёлые крупинки остаются на дне лотка. " * 20
FRENCH = "L'orpailleur lave le sable de la rivière ; l'été, l'eau est à peine assez élevée. " * 20


@pytest.mark.parametrize(
    ("text", "encoding", "label", "read_as"),
    [
        (CHINESE, "gb2312", "gb2312", "gb18030"),
        (CHINESE + "镕囍", "gbk", "GB2312", "gb18030"),  # characters that gb2312 lacks
        (TRADITIONAL, "big5", "Big5", "big5hkscs"),
        (JAPANESE + "①㈱", "cp932", "shift_jis", "cp932"),  # NEC's row, which Python's shift_jis lacks
        (JAPANESE, "euc_jp", "EUC-JP", "euc_jp"),
        (JAPANESE, "iso2022_jp", "iso-2022-jp", "iso2022_jp"),
        (KOREAN + "똠방각하", "cp949", "ks_c_5601-1987", "cp949"),
        (RUSSIAN, "koi8-r", "koi8-r", "koi8-r"),
        (RUSSIAN, "cp1251", '"windows-1251"', "cp1251"),
        (FRENCH + "€", "cp1252", "ISO-8859-1", "cp1252"),
    ],
)
@pytest.mark.parametrize("where", ["header", "meta", "http-equiv", "xml"])
def test_declared_charset_is_read_with_the_codec_that_covers_it(text, encoding, label, read_as, where):
    bare = label.strip('"')
    head = {
        "header": "",
        "meta": f"<html><head><title>x</title><meta charset='{bare}'>",
        "http-equiv": f'<html><meta http-equiv="Content-Type" content="text/html; charset={bare}" />',
        "xml": f'<?xml version="1.0" encoding="{bare}"?><html>',
    }[where]
    body = (head + "<p>" + text).encode(encoding)
    assert decode(body, label if where == "header" else None) == (head + "<p>" + text, read_as)


@pytest.mark.parametrize(
    ("text", "encoding", "read_as"),
    [
        (CHINESE, "gbk", "gb18030"), (TRADITIONAL, "big5", "big5hkscs"), (JAPANESE, "cp932", "cp932"),
        (JAPANESE, "euc_jp", "euc_jp"), (KOREAN, "cp949", "cp949"), (RUSSIAN, "cp1251", "cp1251"),
        (RUSSIAN, "koi8-r", "koi8-r"), (FRENCH, "cp1252", "cp1252"),
    ],
)  # fmt: skip
def test_undeclared_charset_is_detected_behind_markup(text, encoding, read_as):
    page = "<html><script>var a = 1;</script>" + "<div class='menu'><a href='/'>Home</a></div>" * 200 + "<p>" + text
    assert decode(page.encode(encoding), None) == (page, read_as)


def test_a_few_korean_words_between_tags():
    """uchardet finds nothing in it."""
    page = (
        "<html><title>6.5. 사금</title>"
        + '<td width="20%" align="left">\xa0</td>' * 40
        + "<p>6장. 금을 찾는 법</p></html>"
    )
    assert decode(page.replace("\xa0", "").encode("cp949"), None) == (page.replace("\xa0", ""), "cp949")


@pytest.mark.parametrize("label", ["bom", "utf8mb4", "none", "", "x-user-defined", "é", "utf-8,gbk", None])
def test_unknown_labels_fall_through_to_meta(label):
    body = f"<meta charset=gbk>{CHINESE}".encode("gbk")
    assert decode(body, label)[0].endswith(CHINESE)


@pytest.mark.parametrize("label", ["gbk", "iso-8859-1", "shift_jis", "utf-16", None])
def test_valid_utf8_is_utf8_whatever_is_declared(label):
    assert decode(CHINESE.encode(), label) == (CHINESE, "utf-8")


def test_page_declared_utf8_but_written_in_gbk():
    assert decode(b"<meta charset=utf-8>" + CHINESE.encode("gbk"), "utf-8") == (
        "<meta charset=utf-8>" + CHINESE,
        "gb18030",
    )


def test_servers_default_gives_way_to_the_page():
    page = "<meta charset=gb2312>" + CHINESE
    assert decode(page.encode("gbk"), "ISO-8859-1") == (page, "gb18030")


def test_header_wins_over_meta():
    page = "<meta charset=koi8-r>" + RUSSIAN
    assert decode(page.encode("cp1251"), "windows-1251") == (page, "cp1251")


@pytest.mark.parametrize(
    ("mark", "encoding"), [(b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")]
)
def test_byte_order_mark_wins_and_is_taken_off(mark, encoding):
    assert decode(mark + CHINESE.encode(encoding), "gbk") == (CHINESE, encoding)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark(encoding):
    page = "<html><head><title>Gold</title></head><body>" + CHINESE
    assert decode(page.encode(encoding), None) == (page, encoding)


def test_utf8_cut_within_a_character_or_with_a_stray_byte_stays_utf8():
    assert decode(CHINESE.encode()[:-1], None) == (CHINESE[:-1] + "\ufffd", "utf-8")
    assert decode("金".encode()[:-1], "utf-8") == ("\ufffd", "utf-8")
    assert decode(b"\xff" + CHINESE.encode(), "utf-8") == ("\ufffd" + CHINESE, "utf-8")


@pytest.mark.parametrize("body", [b"", b"\x00", b"\xff", b"\x80" * 5000, bytes(range(256)) * 40, b"\xff\xfe\x00"])
def test_decode_is_total(body):
    text, name = decode(body, None)
    text.encode()
    assert "".encode(name) == b""


def test_labels_as_whatwg_maps_them():
    assert [codec(label) for label in ("latin1", "US-ASCII", "x-sjis", "tis-620", "x-mac-cyrillic", " UTF8 ")] == [
        "cp1252", "cp1252", "cp932", "cp874", "mac-cyrillic", "utf-8",
    ]  # fmt: skip
