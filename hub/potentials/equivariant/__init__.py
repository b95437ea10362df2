"""What networks of equivariant features share: layers, weights, harmonics and derivatives."""
