#!/bin/sh
# Becomes the supervisor of the version that is in use: what a service of the system starts.
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
    echo "supervise: there is no program $program" >&2
    exit 1
fi
exec "$program" supervise --config "$config"
