"""Laws that users run on what they write themselves: a combinator, an extractor, a wrapper, a reader of streams.

The rule: what proves this library proves its users' parts. ``pytest`` runs a set of laws as a parametrized test::

    @pytest.mark.parametrize("law", extractor_laws(my_extract), ids=str)
    def test_law(law):
        law()

A set is a function here that answers with ``Law`` values; its claims are plain functions in the module it comes from.
Needs ``pip install 'llm-manager[testing]'``. The idea is that of ``check_all_laws`` in ``returns``.
"""

from llm_manager.testing.laws.combinators import policy_laws as policy_laws
from llm_manager.testing.laws.extraction import extractor_laws as extractor_laws
from llm_manager.testing.laws.extraction import reader_laws as reader_laws
from llm_manager.testing.laws.law import Law as Law
