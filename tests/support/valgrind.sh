#!/bin/sh
# valgrind.sh SCRIPT...: TAP scripts of tests/cli/, with the command weir itself under valgrind:
# they are given a build directory that is this one but for that.
# Exit: 0 no case failed, and valgrind had nothing to say.
: "${srcdir:=.}" "${builddir:=.}"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

mkdir "$work/build" "$work/said"
for file in "$builddir"/*; do
    ln -s "$file" "$work/build/"
done
rm "$work/build/weir"
cat >"$work/build/weir" <<END
#!/bin/sh
exec $(command -v valgrind) -q --log-file='$work/said/%p' --leak-check=full --show-leak-kinds=definite \\
    --suppressions='$srcdir/tests/support/valgrind.supp' '$builddir/weir' "\$@"
END
chmod +x "$work/build/weir"

status=0
for script; do
    builddir=$work/build "$SHELL" "$srcdir/$script" >"$work/reported" 2>&1 </dev/null
    echo "$script: $(grep -c '^ok' "$work/reported") ok, $(grep -c '^not ok' "$work/reported") not ok"
    grep -B20 '^not ok' "$work/reported" && status=1
done
# What it found has "==" at the start of a line; "--" are words about a system call it does not know.
if grep -rhs '^==' "$work/said"; then status=1; fi
exit $status
