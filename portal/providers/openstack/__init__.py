"""OpenStack by Keystone v3, with the rights of a manager of one domain."""

from portal.providers.openstack.problems import Problem
from portal.providers.openstack.provider import OpenStack
from portal.providers.openstack.session import Settings
