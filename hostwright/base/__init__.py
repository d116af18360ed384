"""What every procedure stands on."""
