"""Who keeps the addresses of interfaces across a boot, by name. In this order they are asked."""

from hostwright.interface.backends.backend import Backend
from hostwright.interface.backends.ifcfg import Ifcfg
from hostwright.interface.backends.ifupdown import Ifupdown
from hostwright.interface.backends.netplan import Netplan
from hostwright.interface.backends.network_manager import NetworkManager
from hostwright.interface.backends.networkd import Networkd

BACKENDS: dict[str, Backend] = {one.name: one for one in (Netplan(), Networkd(), NetworkManager(), Ifupdown(), Ifcfg())}
