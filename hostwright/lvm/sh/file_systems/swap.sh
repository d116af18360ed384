# Swap.
# needs: prelude
# given: volume settle

# swap_make DEVICE
swap_make() { try mkswap "$1"; }

# verb: swap_off VOLUME
swap_off() { try swapoff "$(volume "$1")"; }

# verb: make_swap VOLUME [UUID] [LABEL]
make_swap() {
    try mkswap ${2:+-U "$2"} ${3:+-L "$3"} "$(volume "$1")" && settle
}

# verb: swap_on VOLUME
swap_on() { try swapon "$(volume "$1")"; }
