"""Every cheat of the threat model that a bundle, a trust root or a status list can carry, carried out against the page as well."""

import pytest

from tests.attestations.attacks import table
from tests.attestations.attacks.scene import Handed, Scene
from tests.page.engine import Case, differences


def test_the_page_names_every_cheat_that_the_command_line_names(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A cheat that needs more (the model's directory, a policy, a chain of trust roots) is not the page's to find; what the page
    is given of it, it still judges as the command line does when that is given no more."""
    scene = Scene(tmp_path_factory.mktemp("scene"))
    carried = [(attack, attack.carry_out(scene)) for attack in table.ATTACKS]
    cases = [
        Case(f"{attack.row} {attack.name}", handed.bundle, handed.trust, handed.status, handed.now)
        for attack, handed in carried
        if isinstance(handed, Handed)
    ]
    assert len(cases) > 40
    assert differences(cases) == []
