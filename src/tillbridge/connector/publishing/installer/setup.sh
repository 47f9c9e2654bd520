#!/bin/sh
# Sets tillbridge up on this computer: fetches the newest signed version, asks what has to be known, starts it.
# Run it again to change the answers. What stands behind it goes to the questions, as in: ./setup.sh --answers FILE
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
config=${TILLBRIDGE_CONFIG:-$here/connector.yml}

in_use() {
    version=''
    if [ -r "$here/current" ]; then
        IFS= read -r version < "$here/current" || [ -n "$version" ] || version=''
    fi
    program=$here/versions/$version/tillbridge
}

# A path as a line of a crontab has it: in quotation marks where a shell needs them; a percent sign would end the line.
for_cron() {
    path=$1
    case $path in
    *[!A-Za-z0-9_%+=:,./-]*) path="'$(printf '%s' "$path" | sed "s/'/'\"'\"'/g")'" ;;
    esac
    printf '%s' "$path" | sed 's/%/\\%/g'
}

# Some programs unpack an archive without its marks of what may be run.
chmod +x "$here"/*.sh "$here"/versions/*/tillbridge 2> /dev/null || :
in_use
if [ ! -f "$program" ]; then
    echo "setup: there is no version of tillbridge in $here. Unpack the whole archive, then start again." >&2
    exit 1
fi
if ! "$program" --version; then
    echo "setup: the program does not run here. It needs Linux on the same kind of processor, with glibc @GLIBC@ or newer." >&2
    exit 1
fi

# Once there are settings the connector updates itself, at night and never during a payment.
if [ ! -e "$config" ]; then
    echo "Looking for the newest version ..."
    if ! "$program" self-update; then
        echo "It could not be had now. This one is used; it updates itself later."
    fi
    in_use
fi

# Ctrl-C is for the questions; this script stays to say what comes next.
trap : INT
"$program" connector setup --config "$config" "$@" --no-start || exit $?
trap - INT

if [ ! -e "$config" ]; then
    echo "The settings lie in the folder that you chose. With TILLBRIDGE_CONFIG set to their file, the scripts here use them."
    exit 0
fi
if ! id -nG | grep -qw dialout && [ "$(id -u)" != 0 ]; then
    echo "To use a serial port: sudo usermod -a -G dialout $(id -un)   (then sign in again)"
fi
# What runs already takes the new settings between two payments. Else it is started; a person has set it up now: that a
# till had stopped it before does not hold it down.
if ! "$program" service restart --config "$config" 2> /dev/null; then
    "$here/always-up.sh" --start || exit $?
fi
echo "The connector is kept up from now on. So that it also is after a restart of this computer, type crontab -e and add:"
printf '*/2 * * * * %s\n' "$(for_cron "$here/always-up.sh")"
