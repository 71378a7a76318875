#!/bin/sh
# Stands where magia-app is looked for: answers one-shot calls, and fails to start as a window.
case "$1 $2" in
"--call hooks_status")
    echo "starting up" >&2
    echo '{"id":null,"result":{"provider":"claude","file":"/h/.claude/settings.json","state":"partial","missing":["Stop"],"outdated":[],"lost":true,"warnings":[]}}'
    ;;
"--call install_hooks")
    echo '{"id":null,"error":{"code":"conflict","message":"settings.json does not parse: line 3, column 7","hint":"mend it by hand"}}'
    exit 1
    ;;
"--call load_settings")
    echo '{"id":null,"result":{"themeMode":"dark","retentionDays":30}}'
    ;;
"--call save_settings")
    printf '{"id":null,"result":{"asked":%s}}\n' "$3"
    ;;
"--call "*)
    echo "not a reply"
    exit 1
    ;;
*)
    echo "cannot open a window: no display" >&2
    exit 1
    ;;
esac
