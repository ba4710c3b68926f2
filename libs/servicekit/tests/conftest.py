"""What the tests of events share: an owner and a consumer of events, joined by either way of delivery."""

import pytest
from scene import Direct, OverRabbit, Scene  # needs the path above

from servicekit.testing import MakeDatabase


@pytest.fixture(params=["direct", "rabbitmq"])
def scene(request: pytest.FixtureRequest, make_database: MakeDatabase) -> Scene:
    owner, target = make_database("sample"), make_database("sample")
    direct = request.param == "direct"
    way = Direct(target) if direct else OverRabbit(request.getfixturevalue("amqp_url"), target)
    return Scene(owner, target, way)
