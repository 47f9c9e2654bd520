#!/bin/sh
# Keeps the connector up on a computer without systemd. One line in "crontab -e":
#
#   */2 * * * * /the/folder/always-up.sh
#
# Called while the supervisor is at work it ends at once, and starts no program for that. It does nothing either after a
# till has stopped the connector, until the next boot, or until a person starts it: "always-up.sh --start".
set -u

# Filled in by "tillbridge service install"; empty, all of it lies beside this file.
program=''
config=''
lock=''

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
config=${config:-${TILLBRIDGE_CONFIG:-$here/connector.yml}}
lock=${lock:-$here/.always-up.lock}

if [ -z "$program" ]; then
    version=''
    if [ -r "$here/current" ]; then
        IFS= read -r version < "$here/current" || [ -n "$version" ] || version=''
    fi
    program=$here/versions/$version/tillbridge
fi
if [ ! -x "$program" ]; then
    echo "always-up: there is no program $program" >&2
    exit 1
fi

# The lock is held by the supervisor itself, through a file that stays open in it: it is free again the moment the
# supervisor is gone, however it went. Where there is no flock, the supervisor looks for another one by itself.
umask 077
if command -v flock > /dev/null 2>&1; then
    exec 9> "$lock" || exit 1
    flock -n 9 || exit 0
fi
cd / || exit 1
if [ "${1:-}" = --start ]; then
    nohup "$program" supervise --config "$config" > /dev/null 2>&1 < /dev/null &
else
    nohup "$program" supervise --if-needed --config "$config" > /dev/null 2>&1 < /dev/null &
fi
