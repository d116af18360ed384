"""Which overlays are mounted, mounted anew or unmounted, now and at a boot; and what stands against it."""
