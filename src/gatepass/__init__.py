"""gatepass: the self-hosted gate to AWS for people who work in many accounts of many AWS Organizations."""

__version__ = "0.1.0"
