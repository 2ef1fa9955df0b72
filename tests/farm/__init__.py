"""``make test-farm``: farms as studios have them, brought up by ``frontburner farm up`` and treated badly."""
