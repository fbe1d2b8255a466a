"""How hypothesis runs: the same examples every time; ``HYPOTHESIS_PROFILE=explore`` looks for new ones."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# The first example of a test may compile kernels for seconds, so no clock decides here.
_WITHOUT_CLOCK = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("ci", derandomize=True, max_examples=50, **_WITHOUT_CLOCK)
settings.register_profile("explore", max_examples=1000, **_WITHOUT_CLOCK)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
