#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || :
fi
if [ "$1" = purge ]; then
    rm -f /var/lib/tillbridge/connector.yml /var/lib/tillbridge/secrets.*
    # The journal of payments is the shop's: it is never deleted by a package.
    if [ -d /var/lib/tillbridge ] && ! rmdir /var/lib/tillbridge 2> /dev/null; then
        echo "The journal of payments stays in /var/lib/tillbridge: keep it as long as the law wants."
    fi
fi
