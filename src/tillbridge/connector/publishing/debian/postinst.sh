#!/bin/sh
set -e
case "$1" in
configure)
    if ! getent passwd tillbridge > /dev/null; then
        adduser --system --group --quiet --home /var/lib/tillbridge --no-create-home tillbridge
    fi
    # Serial ports belong to this group.
    if getent group dialout > /dev/null; then
        adduser --quiet tillbridge dialout
    fi
    # Settings, secrets and the journal; nobody else reads them.
    if [ ! -d /var/lib/tillbridge ]; then
        install -d -m 0700 -o tillbridge -g tillbridge /var/lib/tillbridge
    fi
    if [ -d /run/systemd/system ]; then
        systemctl daemon-reload
        systemctl enable --quiet tillbridge.service
        if [ -e /var/lib/tillbridge/connector.yml ]; then
            systemctl restart tillbridge.service
        fi
    fi
    if [ ! -e /var/lib/tillbridge/connector.yml ]; then
        echo "tillbridge is installed. Set it up now: sudo tillbridge connector setup"
        echo "Then start it: sudo systemctl start tillbridge"
    fi
    ;;
abort-upgrade | abort-remove | abort-deconfigure)
    if [ -d /run/systemd/system ] && [ -e /var/lib/tillbridge/connector.yml ]; then
        systemctl start tillbridge.service || :
    fi
    ;;
esac
