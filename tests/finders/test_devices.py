from __future__ import annotations

import pytest

from vitruvian.finders import Detector, DeviceError
from vitruvian.zoo import find_model


def test_a_device_that_does_not_exist_is_no_fault_of_the_model() -> None:
    with pytest.raises(DeviceError, match=r"^unknown device 'abacus': choose auto, cpu"):
        Detector(find_model(), device="abacus")
