# Tools that the steps take, from whatever installs packages here.
# needs: prelude

# verb: install_packages PACKAGE...
install_packages() {
    if command -v apt-get >/dev/null; then
        export DEBIAN_FRONTEND=noninteractive
        try apt-get install -y --no-install-recommends "$@" ||
            { try apt-get update && try apt-get install -y --no-install-recommends "$@"; }
    elif command -v dnf >/dev/null; then try dnf install -y "$@"
    elif command -v yum >/dev/null; then try yum install -y "$@"
    elif command -v zypper >/dev/null; then try zypper --non-interactive install "$@"
    else why "no apt, dnf, yum or zypper here: install $* by hand"
    fi
}
