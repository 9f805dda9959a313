# installed.sh - weir as somebody else finds it: installed.  Sourced after tap.sh.
#
#   installs             below $work/root
#   makes DIR            runs make there with what pkg-config says of it
#   example COMMAND...   runs COMMAND with its library and its spawner

# A library that was built with a sanitizer needs it in the program.
flags=$(sed -n 's/^SANITIZER_FLAGS = //p' "$builddir/Makefile")

# The variables of the make around us are not for others.
own_make() { env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make "$@"; }

installs() {
    (cd "$builddir" && own_make install DESTDIR="$work/root") || return 1
    pc=$(find "$work/root" -name weir.pc) library=$(find "$work/root" -name libweir.so)
    spawner=$(find "$work/root" -name weir-spawner)
    [ -n "$pc" ] && [ -n "$library" ] && [ -n "$spawner" ]
}

makes() {
    PKG_CONFIG_PATH=${pc%/*} PKG_CONFIG_SYSROOT_DIR=$work/root \
        own_make -C "$1" CFLAGS="-g -Wall -Wextra -Werror $flags"
}

# It is not where it is to be in the end: it needs a path.
example() {
    env LD_LIBRARY_PATH="${library%/*}" WEIR_SPAWNER="$spawner" "$@"
}
