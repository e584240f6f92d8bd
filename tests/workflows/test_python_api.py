"""The verbs from Python."""

from __future__ import annotations

import pytest

import seqexp
from seqexp.errors import ConfigError


@pytest.mark.parametrize("words", [5, [5], "topology=all", {"topology": "all"}, None])
def test_what_is_no_list_of_texts_is_refused(words: object) -> None:
    for verb in (seqexp.run, seqexp.sweep):
        with pytest.raises(ConfigError, match="expected a list of texts"):
            verb(words)
