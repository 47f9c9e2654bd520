"""What connector and portal say to each other: pairing, keys, tokens, messages. No socket, no loop and no clock."""
