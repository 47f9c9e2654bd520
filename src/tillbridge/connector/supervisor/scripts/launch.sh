#!/bin/sh
# Runs the connector in this window, to see that the settings are right and everything works, and says why it stops.
# Ctrl-C stops it. Stop what keeps the connector up first: a data folder has one connector.
set -u

# Filled in by "tillbridge service install"; empty, all of it lies beside this file.
program=''
config=''

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
config=${config:-${TILLBRIDGE_CONFIG:-$here/connector.yml}}

if [ -z "$program" ]; then
    version=''
    if [ -r "$here/current" ]; then
        IFS= read -r version < "$here/current" || [ -n "$version" ] || version=''
    fi
    program=$here/versions/$version/tillbridge
fi
if [ ! -x "$program" ]; then
    echo "launch: there is no program $program" >&2
    exit 1
fi

# This shell stays, to say how it ended; Ctrl-C is for the connector, which waits for a running payment.
trap : INT
"$program" connector run --config "$config"
code=$?
case $code in
    0) echo "The connector has stopped because it was asked to." ;;
    1) echo "The connector has stopped: what is wrong stands above. Correct it in $config and start this again." ;;
    137) echo "The connector was killed from outside; what became of a running payment is looked into at the next start." ;;
    *) echo "The connector has stopped with exit code $code." ;;
esac
exit "$code"
