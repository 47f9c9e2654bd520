#!/bin/sh
# The command of this package: as the service's own user where root calls it, so that no file belongs to root that the
# service has to write.
set -u
if [ -r /etc/default/tillbridge ]; then
    # shellcheck disable=SC1091  # a file of this package
    . /etc/default/tillbridge
fi
TILLBRIDGE_CONFIG=${TILLBRIDGE_CONFIG:-/var/lib/tillbridge/connector.yml}
export TILLBRIDGE_CONFIG
# The management of the service itself is root's.
if [ "$(id -u)" = 0 ] && [ "${1:-}" != service ] && command -v runuser > /dev/null 2>&1; then
    exec runuser --user tillbridge -- /usr/lib/tillbridge/tillbridge "$@"
fi
exec /usr/lib/tillbridge/tillbridge "$@"
