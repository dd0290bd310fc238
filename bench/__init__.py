"""Figures as ratios: each module measures something of ours beside a reference, in the same run on the same machine."""
