#!/bin/sh
set -e
# The program reads parts of itself while it runs, so that it must not be replaced under its feet. The stop waits for a
# running payment.
if [ -d /run/systemd/system ]; then
    systemctl stop tillbridge.service || :
fi
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    systemctl disable --quiet tillbridge.service || :
fi
